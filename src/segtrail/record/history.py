"""``history.csv``: one row the moment an epoch ends."""

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from segtrail.atomic import append_line

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
