"""One run as the index knows it: each field is a column to show, to search and to sort by."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

Value = str | float | bool | None


class Kind(StrEnum):
    """What a column holds, which decides how it is compared."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole number"
    TIME = "time"
    YES_NO = "yes or no"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: As a search, ``--sort`` and ``--columns`` name it, and the field of ``IndexedRun``.
        title: As its heading says.
        kind: What it holds.
        meaning: What it says, for ``docs/runs.md``.
        is_long: Whether it may be wrapped.
        decimals: How many places of a number are shown to a person; None for as many as it needs.
    """

    name: str
    title: str
    kind: Kind
    meaning: str
    is_long: bool = False
    decimals: int | None = None

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in (Kind.NUMBER, Kind.WHOLE)

    def show(self, value: Value) -> str:
        """Say a value to a person; nothing for a gap."""
        if value is None:
            return ""
        if self.kind == Kind.YES_NO:
            return "yes" if value else "no"
        if self.kind == Kind.NUMBER:
            return f"{value:g}" if self.decimals is None else f"{value:.{self.decimals}f}"
        return str(value)


def _column(
    title: str, kind: Kind, meaning: str, *, is_long: bool = False, decimals: int | None = None
) -> Any:
    return field(default=None, metadata={"column": (title, kind, meaning, is_long, decimals)})


@dataclass(frozen=True, kw_only=True)
class IndexedRun:
    """A folder in ``OUTPUT_ROOT/runs``, as it was when it was read last; None where its record does not say.

    Times are ISO 8601 in UTC, to the second. Metrics are means over cases, then over classes, of the validation
    cases where nothing else is said. ``docs/runs.md`` says what each field means.
    """

    path: Path
    folder: str = _column("Folder", Kind.TEXT, "name of the run's folder in `runs`, which no other has")
    run_id: str = _column(
        "Run ID", Kind.TEXT, "name of the run on record; that of its folder where none can be read"
    )
    status: str = _column(
        "Status",
        Kind.TEXT,
        "`running`, `interrupted`, `failed` or `finished`; `unreadable` where `run.json` can't be read",
    )
    created: str | None = _column(
        "Created", Kind.TIME, "when the run was opened; where its record can't be read, by the folder's name"
    )
    ended: str | None = _column("Ended", Kind.TIME, "when it ended")
    ended_because: str | None = _column("Ended because", Kind.TEXT, "why it ended", is_long=True)
    project: str | None = _column("Project", Kind.TEXT, "`project.name`", is_long=True)
    description: str | None = _column("Description", Kind.TEXT, "`project.description`", is_long=True)
    operator: str | None = _column("Operator", Kind.TEXT, "`project.operator`", is_long=True)
    dataset: str | None = _column("Data set", Kind.TEXT, "name of the data set", is_long=True)
    dataset_fingerprint: str | None = _column("Data fingerprint", Kind.TEXT, "hash of the data", is_long=True)
    split_hash: str | None = _column("Split", Kind.TEXT, "hash of the split", is_long=True)
    train_cases: int | None = _column("Train cases", Kind.WHOLE, "cases that are trained on")
    val_cases: int | None = _column("Validation cases", Kind.WHOLE, "cases that are validated on")
    test_cases: int | None = _column("Test cases", Kind.WHOLE, "cases that are tested on")
    model: str | None = _column(
        "Model", Kind.TEXT, "networks of the stages; the program of a recorded training"
    )
    parameters: int | None = _column("Parameters", Kind.WHOLE, "trainable weights of all stages")
    program: str | None = _column(
        "Program", Kind.TEXT, "the program that `segtrail record` ran; a gap in other runs"
    )
    parent: str | None = _column("Parent", Kind.TEXT, "the run that this one extends")
    seed: int | None = _column("Seed", Kind.WHOLE, "`train.seed`")
    patch_size: str | None = _column("Patch", Kind.TEXT, "`patch.patch_size` of the stages")
    spacing: str | None = _column("Spacing (mm)", Kind.TEXT, "`preprocess.spacing` of the stages")
    learning_rate: float | None = _column("Learning rate", Kind.NUMBER, "`optim.lr` of the last stage")
    batch_size: int | None = _column("Batch size", Kind.WHOLE, "`train.batch_size` of the last stage")
    epochs: int | None = _column("Epochs", Kind.WHOLE, "epochs trained, of all stages")
    planned_epochs: int | None = _column("Planned epochs", Kind.WHOLE, "`train.max_epochs` of all stages")
    best_epoch: int | None = _column("Best epoch", Kind.WHOLE, "the epoch that was kept")
    latest_dice: float | None = _column(
        "Latest Dice",
        Kind.NUMBER,
        "validation Dice of the last epoch in `history.csv` that has one",
        decimals=4,
    )
    dice: float | None = _column("Dice", Kind.NUMBER, "mean Dice of the validation cases", decimals=4)
    dice_low: float | None = _column(
        "Dice from", Kind.NUMBER, "lower end of its interval; a gap with several classes", decimals=4
    )
    dice_high: float | None = _column(
        "Dice to", Kind.NUMBER, "upper end of its interval; a gap with several classes", decimals=4
    )
    nsd: float | None = _column("NSD", Kind.NUMBER, "mean NSD at the first tolerance on record", decimals=4)
    nsd_tolerance_mm: float | None = _column("NSD tolerance (mm)", Kind.NUMBER, "that tolerance")
    hd95: float | None = _column("HD95 (mm)", Kind.NUMBER, "mean HD95", decimals=2)
    test_dice: float | None = _column("Test Dice", Kind.NUMBER, "mean Dice of the test cases", decimals=4)
    n_cases: int | None = _column(
        "Measured", Kind.WHOLE, "validation cases measured, of the class with the most"
    )
    n_failed: int | None = _column(
        "Failed", Kind.WHOLE, "missed or wrongly found classes in validation cases"
    )
    device: str | None = _column("Device", Kind.TEXT, "where the networks were trained", is_long=True)
    precision: str | None = _column("Precision", Kind.TEXT, "arithmetic of the networks")
    seconds: float | None = _column("Seconds", Kind.NUMBER, "time of all parts of the run", decimals=0)
    energy_kwh: float | None = _column("Energy (kWh)", Kind.NUMBER, "estimated energy", decimals=3)
    version: str | None = _column("Version", Kind.TEXT, "version of segtrail")
    sealed: bool | None = _column("Sealed", Kind.YES_NO, "whether the run is sealed")
    fingerprint: str | None = _column("Fingerprint", Kind.TEXT, "fingerprint of a sealed run", is_long=True)
    signed_off: str | None = _column(
        "Signed off", Kind.TEXT, "who signed the run off, with what meaning", is_long=True
    )
    notes: str | None = _column(
        "Notes", Kind.TEXT, "what was given with `--note`, then later notes", is_long=True
    )
    problem: str | None = _column(
        "Problem", Kind.TEXT, "what could not be read, in sentences; a gap where all could", is_long=True
    )


COLUMNS = {
    entry.name: Column(entry.name, *entry.metadata["column"])
    for entry in fields(IndexedRun)
    if "column" in entry.metadata
}
