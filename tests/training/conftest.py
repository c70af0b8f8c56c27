"""Processes for the tests that need some: forked from a server that has PyTorch loaded already."""

import multiprocessing
from multiprocessing.context import ForkServerContext

import pytest


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["predictor.training.stream", "torch.utils.tensorboard"])
    return context
