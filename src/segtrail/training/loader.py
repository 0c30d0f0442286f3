"""Where patches come from while the network trains."""

import gc
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from segtrail.config.schema import StageConfig
from segtrail.memory_reuse import keep_freed_memory
from segtrail.preprocessing.cache import PreparedCase
from segtrail.stop_request import leave_signals_to_the_main_process
from segtrail.training.device_patches import DevicePatches
from segtrail.training.patch_plan import PatchCentres
from segtrail.training.patches import EpochBatches, PatchDataset


def make_loader(
    config: StageConfig,
    cases: Sequence[PreparedCase],
    n_classes: int,
    batches: EpochBatches,
    device: torch.device,
    centres: PatchCentres | None = None,
) -> Iterable[tuple[Tensor, Tensor]]:
    """Open the source of an epoch's patches: processes on the CPU, or the device itself.

    Args:
        config: The stage's configuration.
        cases: The training cases.
        n_classes: Classes, background included.
        batches: Which patches come together, and in which order.
        device: Where they will go.
        centres: Where patches are taken from; None takes them from the whole volume.
    """
    if config.train.patches_on == "device":
        return DevicePatches(cases, config, n_classes, batches, device, centres)
    workers = config.train.num_workers
    if workers > 0:
        _leave_objects_alone()
    return DataLoader(
        PatchDataset(cases, config, centres),
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        worker_init_fn=_start_worker,
    )


def close_loader(loader: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Free what a loader holds on a device, and end its workers, also one that hangs.

    They don't hear SIGTERM, by which torch would end such a one: it would keep the program alive.
    """
    if isinstance(loader, DevicePatches):
        loader.free()
    gc.unfreeze()
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


def _leave_objects_alone() -> None:
    """Keep Python's garbage collector off the objects that are there, until the loader is closed.

    It writes into every object that it looks at. A worker forked from this process shares its memory until one of them
    writes, so that a single collection copies most of it for each.
    """
    gc.collect()
    gc.freeze()


def _start_worker(_number: int) -> None:
    leave_signals_to_the_main_process()
    keep_freed_memory()
    sys.stdout = sys.stderr  # standard output is kept for the answer, whatever own transforms print
