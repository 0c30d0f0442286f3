"""Freed memory kept for the next array, in place of given back to the system.

A training step allocates and frees the same large arrays again and again. The C library of most Linux systems
takes each from the system and gives it back at once, so that every page is fetched and cleared anew: up to
half of a step on the CPU.
"""

import contextlib
import ctypes
import sys

# From malloc.h of the GNU C library.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to 2 GiB at the end of its heap; changes no result.

    Does nothing where the C library is not GNU's: other systems keep freed memory by themselves.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(AttributeError, OSError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(_MMAP_MAX, 0)
        adjust(_TRIM_THRESHOLD, _LARGEST_INT)
