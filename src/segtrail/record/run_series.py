"""The record of a series of runs that belong together: its folder, and the file that says how far it is."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Final, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segtrail.atomic import write_json
from segtrail.errors import InputError
from segtrail.record.run_folder import Status, claim_folder

SCHEMA_VERSION: Final = 1
_RunId = Annotated[str, Field(pattern=r"^run_[0-9]{8}_[0-9]{6}$")]


class SeriesPart(BaseModel):
    """What the parts of all records have in common."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class SeriesEntry(SeriesPart):
    """One run of a series, and how far it is."""

    status: Literal["waiting", "running", "interrupted", "failed", "finished"] = "waiting"
    run_id: _RunId | None = None
    seconds: float | None = None
    error: str | None = None


class Resumption(SeriesPart):
    """When a series was gone on with, and with which versions."""

    resumed_utc: str
    segtrail_version: str
    environment: dict[str, str]


class SeriesRecord(SeriesPart, ABC):
    """The content of a record: what every series has."""

    schema_version: Literal[1] = SCHEMA_VERSION
    status: Status
    created_utc: str
    ended_utc: str | None = None
    ended_because: str | None = None
    segtrail_version: str
    environment: dict[str, str]
    start_command: str
    note: str
    dataset_fingerprint: str
    resumed: list[Resumption] = []

    @property
    @abstractmethod
    def entries(self) -> Sequence[SeriesEntry]:
        """The runs, in the order in which they are trained."""

    @property
    def n_finished(self) -> int:
        """How many runs are done."""
        return sum(entry.status == "finished" for entry in self.entries)


Record = TypeVar("Record", bound=SeriesRecord)


class SeriesFolder(Generic[Record]):
    """Where a series keeps what; each kind says how it is called.

    Args:
        path: The folder, ``OUTPUT_ROOT/KIND/KIND_YYYYMMDD_HHMMSS``.
    """

    KIND: ClassVar[str]  # of folder, record and command: ``cv``
    TITLE: ClassVar[str]  # in sentences: ``cross-validation``
    RECORD: type[Record]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / f"{self.KIND}.json"
        self.summary_file = path / "metrics_summary.json"
        self.lock_file = path / ".lock"

    @classmethod
    def create(cls, output_root: Path) -> Self:
        """Claim a new folder ``KIND/KIND_YYYYMMDD_HHMMSS`` (UTC); when it is taken, the next free second.

        Raises:
            InputError: It can't be made.
        """
        try:
            return cls(claim_folder(output_root / cls.KIND, cls.KIND))
        except OSError as error:
            raise InputError(
                f"The folder of the {cls.TITLE} can't be made in {output_root} (paths.output_root): "
                f"{error.strerror}. Choose another with paths.output_root=DIR."
            ) from None

    @classmethod
    def find(cls, name: str, output_root: Path) -> Self:
        """Find one by folder, by ID, or as ``latest``.

        Args:
            name: A path, an ID, or ``latest``.
            output_root: Folder whose ``KIND`` is searched for IDs.

        Returns:
            Its folder.

        Raises:
            InputError: There is none.
        """
        parent, record = output_root / cls.KIND, f"{cls.KIND}.json"
        if name == "latest":
            known = sorted(path for path in parent.glob(f"{cls.KIND}_*") if (path / record).is_file())
            if not known:
                raise InputError(
                    f"There is no {cls.TITLE} in {parent} yet. Begin one, or give --output-root."
                )
            return cls(known[-1])
        for path in (Path(name).expanduser(), parent / name):
            if (path / record).is_file():
                return cls(path.resolve())._beside_its_runs()
        raise InputError(
            f"{name} is neither the folder of a {cls.TITLE} nor the ID of one in {parent}. `latest` names the newest."
        )

    def _beside_its_runs(self) -> Self:
        """Refuse a folder that was moved away from its runs, which would all be missed."""
        if self.path.parent.name != self.KIND:
            raise InputError(
                f"{self.path} does not lie in a folder {self.KIND}, with its runs in the folder runs beside that. "
                "Put it back to where it was made."
            )
        return self

    @property
    def series_id(self) -> str:
        """The name of the series."""
        return self.path.name

    @property
    def output_root(self) -> Path:
        """The folder that holds ``KIND`` and, beside it, ``runs``."""
        return self.path.parent.parent

    def write_record(self, record: Record) -> None:
        """Write the record atomically."""
        write_json(self.record_file, record.model_dump(mode="json"))

    def read_record(self) -> Record:
        """Return the content of the record.

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
            return self.RECORD.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise self._unreadable(f"{where}: {first['msg']}") from None

    def _unreadable(self, problem: str) -> InputError:
        return InputError(
            f"{self.record_file} can't be read as the record of a {self.TITLE} ({problem}). Restore it from a "
            "copy, or begin anew: its runs stay as they are."
        )
