"""Freed memory stays with the process. In processes of their own, since the switch holds for a whole process."""

import subprocess
import sys

import pytest

FREED_STAYS = """
import numpy, psutil
from segtrail.memory_reuse import keep_freed_memory
{call}
array = numpy.ones(64 * 2**20, dtype=numpy.uint8)
before = psutil.Process().memory_info().rss
del array
print(psutil.Process().memory_info().rss > before - 32 * 2**20)
"""


def freed_memory_stays(call: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FREED_STAYS.format(call=call)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems are left as they are")
def test_a_large_array_that_is_freed_leaves_its_memory_for_the_next_one():
    assert freed_memory_stays("keep_freed_memory()") == "True"


def test_without_a_c_library_that_can_be_told_nothing_is_done():
    refuse = "import ctypes; ctypes.CDLL = lambda name: object(); keep_freed_memory()"
    assert freed_memory_stays(refuse) in ("True", "False")
