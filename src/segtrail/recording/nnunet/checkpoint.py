"""Reading what a checkpoint of nnU-Net says beside its weights, without loading anything but plain values."""

import math
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segtrail.dataset.containment import is_file_inside
from segtrail.errors import InputError
from segtrail.recording.foreign_training import ForeignEpoch
from segtrail.recording.nnunet.log import mean_dice

# nnU-Net logs numbers of NumPy's. Making one out of its bytes runs nothing: a type that holds objects is refused.
_NUMBER_TYPES = (np.float16, np.float32, np.float64, np.int32, np.int64)
_MAKE_NUMBER = np.float64(0).__reduce__()[0]
_PLAIN: list[Any] = [
    (_MAKE_NUMBER, "numpy.core.multiarray.scalar"),  # as NumPy 1 named it
    (_MAKE_NUMBER, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in _NUMBER_TYPES),
]


@dataclass(frozen=True)
class CheckpointFacts:
    """What a checkpoint says of the training.

    Attributes:
        epoch: The epoch behind which it was written, from 1; None where it does not say.
        history: The epochs until then.
    """

    epoch: int | None
    history: Sequence[ForeignEpoch]


def read_checkpoint(path: Path, fold: Path) -> CheckpointFacts:
    """Read what a checkpoint says; nothing but tensors and plain values is ever loaded.

    Args:
        path: The checkpoint.
        fold: The folder that it must lie in.

    Raises:
        InputError: It is missing, damaged, or holds anything else.
    """
    if not is_file_inside(path, fold):
        raise InputError(f"There is no {path.name} in {fold.name}.")
    try:
        _require_whole_description(path)
        with torch.serialization.safe_globals(_PLAIN):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        logged = content["logging"]
        epoch = content.get("current_epoch")
        return CheckpointFacts(
            epoch=epoch if type(epoch) is int and epoch > 0 else None,
            history=_history(logged) if isinstance(logged, dict) else (),
        )
    except pickle.UnpicklingError:
        raise InputError(
            f"{path.name} holds more than tensors and plain values, so that its history was not read."
        ) from None
    except Exception as error:  # whoever made up the file chose what reading it raises
        raise InputError(
            f"{path.name} is damaged or none of nnU-Net's, and was not read ({type(error).__name__})."
        ) from None


def _require_whole_description(path: Path) -> None:
    """Compare all but the weights with its checksum, which torch itself does not."""
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            if part.endswith("/data.pkl"):
                archive.read(part)


def _history(logged: Mapping[str, Any]) -> list[ForeignEpoch]:
    """Return the epochs for which every list has a value."""
    names = ("train_losses", "val_losses", "lrs", "epoch_start_timestamps", "epoch_end_timestamps")
    columns = [[_number(value) for value in logged[name]] for name in names]
    per_class = [
        mean_dice([float(value) for value in values]) for values in logged["dice_per_class_or_region"]
    ]
    return [
        ForeignEpoch(
            epoch=number,
            train_loss=train_loss,
            val_loss=val_loss,
            val_dice_patches=dice,
            learning_rate=rate,
            seconds=None if start is None or end is None else end - start,
        )
        for number, (train_loss, val_loss, rate, start, end, dice) in enumerate(
            zip(*columns, per_class, strict=False), start=1
        )
    ]


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
