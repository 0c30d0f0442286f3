"""How many cases are worked on at once."""

import os

import psutil

_MOST = 4


def count_at_once(bytes_of_each: float) -> int:
    """Count the cases to work on at once: as many as the cores, and as the memory holds.

    Args:
        bytes_of_each: What the largest case takes in the memory while it is worked on.

    Returns:
        At least 1, at most 4: beyond that the disk is what they wait for.
    """
    fitting = int(psutil.virtual_memory().available / max(bytes_of_each, 1.0))
    return max(1, min(os.cpu_count() or 1, _MOST, fitting))
