"""Reading what a script left in segtrail's own plain form: a history, and label maps beside their references."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from segtrail.errors import InputError
from segtrail.record.table import read_rows
from segtrail.recording.foreign_training import ForeignEpoch, ForeignTraining, LabelPair

# What a script may leave in its outputs to have it shown as in any run.
HISTORY = "history.csv"
_ENDINGS = (".nii.gz", ".nii")
_COLUMNS = ("train_loss", "val_loss", "val_dice", "learning_rate", "seconds")


def read_plain_outputs(
    program: str, outputs: Path, predictions: Path | None, references: Path | None
) -> ForeignTraining:
    """Read what a script left in segtrail's own form.

    Args:
        program: The program's name, for the record.
        outputs: ``outputs/`` of the record; a ``history.csv`` there gives the epochs.
        predictions: Label maps to be measured; None where there are none.
        references: Their references, by the same file names.

    Returns:
        The training.

    Raises:
        InputError: The history or the label maps can't be used.
    """
    pairs = pair_label_maps(predictions, references) if predictions and references else []
    history = read_plain_history(outputs / HISTORY) if (outputs / HISTORY).is_file() else []
    return ForeignTraining(program=program, history=history, validation=pairs)


def read_plain_history(path: Path) -> list[ForeignEpoch]:
    """Read a table with a column ``epoch`` and any of train_loss, val_loss, val_dice, learning_rate and seconds.

    Raises:
        InputError: It is no such table.
    """
    try:
        rows = read_rows(path)
        return [
            ForeignEpoch(int(row["epoch"]), **{name: _number(row.get(name)) for name in _COLUMNS})
            for row in rows
        ]
    except KeyError:
        raise InputError(
            f"{path.name} among the outputs has no column epoch, so it gives no curves."
        ) from None
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path.name} among the outputs can't be read ({error}), so it gives no curves. Columns: epoch, a whole "
            f"number, and any of {', '.join(_COLUMNS)}."
        ) from None


def pair_label_maps(predictions: Path, references: Path) -> list[LabelPair]:
    """Pair label maps with references by the names of their files.

    Raises:
        InputError: A folder is missing or holds no label map, or one has no reference.
    """
    maps, known = _label_maps(predictions, "--predictions"), _label_maps(references, "--references")
    without = [case for case in maps if case not in known]
    if without:
        raise InputError(
            f"{len(without)} of {len(maps)} label maps in {predictions} have no reference of the same name in "
            f"{references}, {without[0]} first."
        )
    return [LabelPair(case, path, known[case]) for case, path in maps.items()]


def _label_maps(folder: Path, option: str) -> Mapping[str, Path]:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}, which {option} names.")
    found = {
        path.name.removesuffix(ending): path
        for ending in _ENDINGS
        for path in sorted(folder.iterdir())
        if path.name.endswith(ending) and not path.name.startswith(".")
    }
    if not found:
        raise InputError(f"{folder}, which {option} names, holds no label map ({' or '.join(_ENDINGS)}).")
    return dict(sorted(found.items()))


def _number(cell: str | None) -> float | None:
    value = float(cell) if cell else math.nan
    return value if math.isfinite(value) else None
