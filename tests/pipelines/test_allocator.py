"""Memory is used again instead of fetched anew, in a process that asks for it."""

import os
import platform
import subprocess
import sys

import pytest

FETCHED = """
import resource
import numpy as np
from pipelines.allocator import keep_freed_memory

{call}
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones({mib} << 18, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Prints how many pages a block took from the system when two like it had been freed."""

PAGES_OF_A_MIB = (1 << 20) // os.sysconf("SC_PAGE_SIZE")

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="an option of the GNU C library"
)


def fetched(call: str, mib: int, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FETCHED.format(call=call, mib=mib)],
        env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.parametrize(
    ("call", "mib"),
    [
        ("keep_freed_memory()", 24),
        ("keep_freed_memory(of_any_size=True)", 24),
        ("keep_freed_memory(of_any_size=True)", 128),
    ],
)
def test_freed_memory_is_used_again(call: str, mib: int) -> None:
    assert fetched(call, mib) < PAGES_OF_A_MIB


@pytest.mark.parametrize("call", ["pass", "keep_freed_memory()"])
def test_otherwise_large_blocks_are_fetched_anew(call: str) -> None:
    assert fetched(call, 128) > 120 * PAGES_OF_A_MIB


def test_the_environment_has_the_last_word() -> None:
    call = "keep_freed_memory(of_any_size=True)"
    assert fetched(call, 128, MALLOC_MMAP_MAX_="65536") > 120 * PAGES_OF_A_MIB
