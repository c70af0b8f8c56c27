"""Processes for the tests that need some: forked from a server that has PyTorch loaded already."""

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

import pytest


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "predictor.training.loop"])
    forkserver.ensure_running()  # with these modules, before a loader starts it with fewer
    return context
