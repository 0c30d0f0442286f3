"""The record of a cross-validation: its folder, and ``cv.json`` which says how far it is."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import model_validator

from segtrail.record.run_series import SeriesEntry, SeriesFolder, SeriesRecord


class FoldEntry(SeriesEntry):
    """One fold: its cases, and the run that trained it; see ``docs/cross-validation.md``."""

    fold: int
    val: tuple[str, ...]
    train: tuple[str, ...]


class CrossValidationRecord(SeriesRecord):
    """The content of ``cv.json``; see ``docs/cross-validation.md``."""

    cv_id: str
    split_seed: int
    n_folds: int
    folds: list[FoldEntry]

    @model_validator(mode="after")
    def _folds_are_numbered(self) -> "CrossValidationRecord":
        if [fold.fold for fold in self.folds] != list(range(1, self.n_folds + 1)):
            raise ValueError("the folds must be numbered from 1 to n_folds")
        return self

    @property
    def entries(self) -> Sequence[FoldEntry]:
        """The folds."""
        return self.folds


class CrossValidationFolder(SeriesFolder[CrossValidationRecord]):
    """Where a cross-validation keeps what.

    Args:
        path: The folder, ``OUTPUT_ROOT/cv/CV_ID``.
    """

    KIND = "cv"
    TITLE = "cross-validation"
    RECORD = CrossValidationRecord

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.case_table = path / "metrics_cases.csv"
