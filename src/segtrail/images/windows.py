"""Placing windows in a volume, for training and inference alike."""

import math


def clamp_start(start: float, window: int, length: int) -> int:
    """Move a window into the volume along one axis; over a volume that is shorter, into its middle.

    Args:
        start: First voxel of the window, a fraction of a voxel included.
        window: Voxels of the window.
        length: Voxels of the volume.

    Returns:
        First voxel of the window; below 0 where the volume is shorter.
    """
    if length <= window:
        return -((window - length) // 2)
    return min(max(math.floor(start + 0.5), 0), length - window)
