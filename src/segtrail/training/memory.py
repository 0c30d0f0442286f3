"""Memory: how much a training used at most, and what to say when there was too little."""

import errno
import sys
from collections.abc import Sequence

import psutil
import torch

from segtrail.config.schema import StageConfig
from segtrail.errors import TrainingFailed

_MEGABYTE = 1024.0 * 1024.0
# What torch and its libraries say when an allocation fails, when workers share too little memory, or when the
# system killed one of them.
_SIGNS = (
    *("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory"),
    *("cublas_status_alloc_failed", "cudnn_status_alloc_failed"),
    *("shared memory", "killed by signal: killed"),
)


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory used so far, in MiB: of the graphics card on CUDA, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MEGABYTE
    return peak_resident_mb()


def peak_resident_mb() -> float:
    """Return the most memory that this process has held, in MiB."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / _MEGABYTE
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MEGABYTE if sys.platform == "darwin" else peak / 1024.0


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on the CPU or a graphics card."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, (RuntimeError, OSError)) and any(sign in text for sign in _SIGNS)


def out_of_memory(config: StageConfig, divisor: Sequence[int] | None, prefix: str = "") -> TrainingFailed:
    """Make the error that names the remedies, with numbers that fit this configuration.

    Args:
        config: The stage's configuration, its patch size resolved.
        divisor: What each side of a patch must be divisible by.
        prefix: What stands before the stage's keys in the configuration.
    """
    remedies = []
    if config.train.batch_size > 1:
        remedies.append(f"{prefix}train.batch_size={max(config.train.batch_size // 2, 1)}")
    patch_size = config.patch.patch_size
    assert patch_size is not None
    smaller = smaller_patch(patch_size, divisor or (16, 16, 16))
    if list(patch_size) != smaller:
        quoted = f'"{prefix}patch.patch_size={smaller}"'  # quoted for zsh and PowerShell
        remedies.append(quoted.replace(" ", ""))
    if config.train.patches_on == "device":
        remedies.append(f"{prefix}train.patches_on=cpu")
    elif config.train.num_workers > 0:
        remedies.append("train.num_workers=0")
    return TrainingFailed(
        f"The memory ran out while training with {prefix}patch.patch_size={list(patch_size)} and "
        f"{prefix}train.batch_size={config.train.batch_size}. "
        f"Start again with {', or '.join(remedies) or f'a smaller network ({prefix}model.channels)'}, "
        "and close other programs that use the same device."
    )


def smaller_patch(patch_size: Sequence[int], divisor: Sequence[int]) -> list[int]:
    """Return the next smaller patch, about five sixths of each side, that the network still accepts."""
    return [max(d, int(n * 5 / 6) // d * d) for n, d in zip(patch_size, divisor, strict=True)]
