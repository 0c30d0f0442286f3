"""The record of a cross-validation: its folder, and ``cv.json`` which says how far it is."""

import json
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segtrail.atomic import write_json
from segtrail.errors import InputError
from segtrail.record.run_folder import Status, claim_folder

SCHEMA_VERSION: Final = 1
_RunId = Annotated[str, Field(pattern=r"^run_[0-9]{8}_[0-9]{6}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class FoldEntry(_Record):
    """One fold: its cases, and the run that trained it; see ``docs/cross-validation.md``."""

    fold: int
    val: tuple[str, ...]
    train: tuple[str, ...]
    status: Literal["waiting", "running", "interrupted", "failed", "finished"] = "waiting"
    run_id: _RunId | None = None
    seconds: float | None = None
    error: str | None = None


class Resumption(_Record):
    """When a cross-validation was gone on with, and with which versions."""

    resumed_utc: str
    segtrail_version: str
    environment: dict[str, str]


class CrossValidationRecord(_Record):
    """The content of ``cv.json``; see ``docs/cross-validation.md``."""

    schema_version: Literal[1] = SCHEMA_VERSION
    cv_id: str
    status: Status
    created_utc: str
    ended_utc: str | None = None
    ended_because: str | None = None
    segtrail_version: str
    environment: dict[str, str]
    start_command: str
    note: str
    split_seed: int
    n_folds: int
    dataset_fingerprint: str
    resumed: list[Resumption] = []
    folds: list[FoldEntry]

    @model_validator(mode="after")
    def _folds_are_numbered(self) -> "CrossValidationRecord":
        if [fold.fold for fold in self.folds] != list(range(1, self.n_folds + 1)):
            raise ValueError("the folds must be numbered from 1 to n_folds")
        return self

    @property
    def n_finished(self) -> int:
        """How many folds are done."""
        return sum(fold.status == "finished" for fold in self.folds)


class CrossValidationFolder:
    """Where a cross-validation keeps what.

    Args:
        path: The folder, ``OUTPUT_ROOT/cv/CV_ID``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / "cv.json"
        self.case_table = path / "metrics_cases.csv"
        self.summary_file = path / "metrics_summary.json"
        self.lock_file = path / ".lock"

    @classmethod
    def create(cls, output_root: Path) -> "CrossValidationFolder":
        """Claim a new folder ``cv/cv_YYYYMMDD_HHMMSS`` (UTC); when it is taken, the next free second.

        Raises:
            InputError: It can't be made.
        """
        try:
            return cls(claim_folder(output_root / "cv", "cv"))
        except OSError as error:
            raise InputError(
                f"The folder of the cross-validation can't be made in {output_root} (paths.output_root): "
                f"{error.strerror}. Choose another with paths.output_root=DIR."
            ) from None

    @property
    def cv_id(self) -> str:
        """The name of the cross-validation."""
        return self.path.name

    @property
    def output_root(self) -> Path:
        """The folder that holds ``cv`` and, beside it, ``runs``."""
        return self.path.parent.parent

    def write_record(self, record: CrossValidationRecord) -> None:
        """Write ``cv.json`` atomically."""
        write_json(self.record_file, record.model_dump(mode="json"))

    def read_record(self) -> CrossValidationRecord:
        """Return the content of ``cv.json``.

        Raises:
            InputError: It is damaged or of another version.
        """
        try:
            content = json.loads(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(str(error)) from None
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise self._unreadable(f"schema_version is {version}, not {SCHEMA_VERSION}")
        try:
            return CrossValidationRecord.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise self._unreadable(f"{where}: {first['msg']}") from None

    def _unreadable(self, problem: str) -> InputError:
        return InputError(
            f"{self.record_file} can't be read as the record of a cross-validation ({problem}). Restore it from a "
            "copy, or begin anew: the runs of its folds stay as they are."
        )


def find_cross_validation(name: str, output_root: Path) -> CrossValidationFolder:
    """Find a cross-validation by folder, by ID, or as ``latest``.

    Args:
        name: A path, an ID, or ``latest``.
        output_root: Folder whose ``cv`` is searched for IDs.

    Returns:
        Its folder.

    Raises:
        InputError: There is none.
    """
    parent = output_root / "cv"
    if name == "latest":
        known = sorted(path for path in parent.glob("cv_*") if (path / "cv.json").is_file())
        if not known:
            raise InputError(
                f"There is no cross-validation in {parent} yet. Begin one, or give --output-root."
            )
        return CrossValidationFolder(known[-1])
    for path in (Path(name).expanduser(), parent / name):
        if (path / "cv.json").is_file():
            return _beside_its_runs(path.resolve())
    raise InputError(
        f"{name} is neither the folder of a cross-validation nor the ID of one in {parent}. `latest` names the newest."
    )


def _beside_its_runs(path: Path) -> CrossValidationFolder:
    """Refuse a folder that was moved away from the runs of its folds, which would all be missed."""
    if path.parent.name != "cv":
        raise InputError(
            f"{path} does not lie in a folder cv, with the runs of its folds in the folder runs beside that. "
            "Put it back to where it was made."
        )
    return CrossValidationFolder(path)
