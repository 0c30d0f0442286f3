"""``history.csv``: one row the moment an epoch ends."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from segtrail.atomic import append_line, write_text
from segtrail.errors import InputError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class HistoryRow:
    """What one epoch gave; see ``docs/run-folder.md``."""

    stage: str
    epoch: int
    train_loss: float
    train_loss_dice: float
    train_loss_cross_entropy: float
    val_dice: float | None
    learning_rate: float
    seconds: float
    patches_per_second: float
    peak_memory_mb: float
    schema_version: int = SCHEMA_VERSION


def append_history(path: Path, row: HistoryRow) -> None:
    """Append an epoch; the file gets its heading with the first."""
    if not path.exists() or path.stat().st_size == 0:
        append_line(path, ",".join(field.name for field in fields(HistoryRow)))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(astuple(row))
    append_line(path, stream.getvalue())


def count_history(path: Path) -> int:
    """Count the epochs on record; a line that was cut by a kill counts for none."""
    return len(_whole_lines(path)[1:]) if path.exists() else 0


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        epochs: How many epochs are on record of each network, in the order of work.
        latest_val_dice: Validation Dice of the last epoch that has one; None where none has.
    """

    epochs: Mapping[str, int]
    latest_val_dice: float | None


def read_progress(path: Path) -> Progress:
    """Read how far a training is; a line that was cut by a kill counts for none.

    Raises:
        InputError: The file can't be read.
    """
    try:
        lines = list(csv.reader(_whole_lines(path)))
    except OSError as error:
        raise InputError(f"{path.name} can't be read: {error.strerror}.") from None
    except csv.Error as error:
        raise InputError(f"{path.name} is damaged: {error}.") from None
    stages = [stage or "main" for stage in _column(lines, "stage")]
    scores = filter(None, reversed(_column(lines, "val_dice")))
    return Progress(Counter(stages), _number(next(scores, "")))


def _column(lines: Sequence[Sequence[str]], name: str) -> list[str]:
    """Return the cells of a column below its heading; empty ones where it is missing, or a line is too short."""
    if not lines or name not in lines[0]:
        return [""] * (len(lines) - 1)
    place = lines[0].index(name)
    return [line[place] if place < len(line) else "" for line in lines[1:]]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def roll_back_history(path: Path, n_rows: int) -> None:
    """Take out the epochs behind the first ones.

    Args:
        path: ``history.csv``; it may be missing where no epoch is kept.
        n_rows: How many epochs stay.

    Raises:
        InputError: It has fewer.
    """
    if n_rows == 0:
        path.unlink(missing_ok=True)
        return
    lines = _whole_lines(path) if path.exists() else []
    if len(lines) < n_rows + 1:
        raise InputError(
            f"history.csv has {max(len(lines) - 1, 0)} epochs, where last.pt knows {n_rows}: it was changed. Bring it "
            "back, or train anew."
        )
    write_text(path, "".join(lines[: n_rows + 1]))


def _whole_lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as stream:  # it may have been given other line ends
            return [line for line in stream if line.endswith("\n")]
    except UnicodeDecodeError:
        raise InputError("history.csv is damaged: it is no text. Bring it back, or train anew.") from None
