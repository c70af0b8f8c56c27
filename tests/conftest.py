"""What all tests share: Ctrl-C is heard, a released network of few weights is at hand."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as the command line does, for several at once

SmallModel = Callable[..., Path]


@pytest.fixture(scope="session")
def small_model() -> SmallModel:
    """Write a network of two scales to a path; keywords say more of its provenance."""
    import torch
    from released import NOWHERE

    from predictor.networks import NETWORKS
    from predictor.weights import save_network

    def write(path: Path, **facts: Any) -> Path:
        config, module = NETWORKS["multiscale"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = module(config(context=2, maps=((4,), (6,)), kernels=((3, 3), (3, 3))))
        save_network(path, "multiscale", network, NOWHERE.model_copy(update=facts))
        return path

    return write


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Processes that are forked from a server that has PyTorch loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "predictor.training.loop"])
    forkserver.ensure_running()  # with these modules, before a loader starts it with fewer
    return context


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what keeps the blocks of JPEG files where the library for it is missing."""
    if item.get_closest_marker("jpeg_blocks") and find_spec("jpegio") is None:
        pytest.skip("needs pyjpegio, which Python 3.14 has not got yet")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Hear the signals that a shell has its background programs ignore, and nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
