"""The processes that prepare patches while the network trains."""

import sys
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from segtrail.memory_reuse import keep_freed_memory
from segtrail.stop_request import leave_signals_to_the_main_process
from segtrail.training.patches import EpochBatches, PatchDataset


def make_loader(
    patches: PatchDataset, batches: EpochBatches, workers: int, device: torch.device
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Make a loader of patches.

    Args:
        patches: Makes each patch.
        batches: Which patches come together, and in which order.
        workers: Processes; 0 prepares patches in this one.
        device: Where they will go.
    """
    return DataLoader(
        patches,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        worker_init_fn=_start_worker,
    )


def end_workers(loader: DataLoader[tuple[Tensor, Tensor]]) -> None:
    """End the workers, also one that hangs.

    They don't hear SIGTERM, by which torch would end such a one: it would keep the program alive.
    """
    iterator: Any = getattr(loader, "_iterator", None)
    if iterator is None:
        return
    iterator._shutdown_workers()
    for worker in iterator._workers:
        if worker.is_alive():
            worker.kill()


def without_trace(message: str) -> str:
    """Leave the sentence of an error that torch brings from a worker with the trace around it."""
    if "Original Traceback" not in message:
        return message
    return message.strip().splitlines()[-1].partition(": ")[2]


def _start_worker(_number: int) -> None:
    leave_signals_to_the_main_process()
    keep_freed_memory()
    sys.stdout = sys.stderr  # standard output is kept for the answer, whatever own transforms print
