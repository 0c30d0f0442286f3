"""``archive.json``, the first file of an archive: what the archive holds, and how long it is to be kept."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segtrail.dataset.names import fault_of_name, fault_of_paths, shown
from segtrail.errors import CheckFailed, InputError
from segtrail.record.hashing import hash_file

FILE_NAME = "archive.json"
SCHEMA_VERSION: Final = 1
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    """A part of the description; keys that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True, strict=True)


class ArchivedFile(_Part):
    """One file: its path in the run or the data set, with forward slashes, its size and the hash of its bytes."""

    path: str
    bytes: Annotated[int, Field(ge=0)]
    sha256: _Sha256


class Retention(_Part):
    """How long the archive is to be kept, in the words of whoever made it."""

    retention_class: str | None = Field(None, alias="class")
    keep_until: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None

    def __str__(self) -> str:
        until = f"keep until {self.keep_until}" if self.keep_until else None
        return shown(", ".join(filter(None, [self.retention_class, until]))) or "none on record"


class DataSnapshot(_Part):
    """The data set of the run: its fingerprint, the cases that the run left out, and every file that it read."""

    fingerprint: str
    left_out: list[str]
    files: list[ArchivedFile]

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


class ArchiveDescription(_Part):
    """The content of ``archive.json``; see ``docs/archive.md``."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run_id: Annotated[str, Field(pattern=r"^run_[0-9]{8}_[0-9]{6}$")]
    fingerprint: _Sha256
    seal_sha256: _Sha256
    retention: Retention
    files: list[ArchivedFile]
    data: DataSnapshot | None

    @property
    def total_bytes(self) -> int:
        """The size of the run's files."""
        return sum(file.bytes for file in self.files)

    def member(self, file: ArchivedFile) -> str:
        """Return under which name a file of the run lies in the archive."""
        return f"{self.run_id}/{file.path}"

    def encode(self) -> bytes:
        """Return it as the bytes of the file: the same for the same content."""
        values = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def describe_file(root: Path, path: str) -> ArchivedFile:
    """Describe a file as it is now.

    Args:
        root: The folder of the run or the data set.
        path: The file in it.

    Raises:
        OSError: It can't be read.
    """
    return ArchivedFile(path=path, bytes=(root / path).stat().st_size, sha256=hash_file(root / path))


def make_retention(retention_class: str | None, keep_until: str | None) -> Retention:
    """Take what a user says of the retention.

    Args:
        retention_class: A class of the user's own; None for none.
        keep_until: A date as YYYY-MM-DD; None for none.

    Raises:
        InputError: The class can't be a name, or the date is none.
    """
    fault = None if retention_class is None else fault_of_name(retention_class)
    if fault is not None:
        raise InputError(f"--retention {fault}; expected a few words, for example study.")
    try:
        is_date = keep_until is None or date.fromisoformat(keep_until).isoformat() == keep_until
    except ValueError:
        is_date = False
    if not is_date:
        raise InputError(f"--keep-until is {keep_until!r}; expected a date as YYYY-MM-DD.")
    return Retention.model_validate({"class": retention_class, "keep_until": keep_until})


def read_description(text: bytes, archive_name: str) -> ArchiveDescription:
    """Read an ``archive.json``, which may be damaged or made to do harm.

    Args:
        text: Its bytes.
        archive_name: The archive, for messages.

    Returns:
        What it says; its paths can be laid out inside a folder.

    Raises:
        InputError: It is of another schema version.
        CheckFailed: It is damaged, or names paths that lead elsewhere.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(archive_name, str(error)) from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{FILE_NAME} of {archive_name} has schema_version {version!r:.40}; this segtrail reads "
            f"{SCHEMA_VERSION}. Use the segtrail that made the archive, or a newer one."
        )
    try:
        description = ArchiveDescription.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _damaged(archive_name, f"{where}: {first['msg']}") from None
    for files in (description.files, description.data.files if description.data else []):
        if fault := fault_of_paths([file.path for file in files]):
            raise _damaged(archive_name, f"it names {fault}")
    return description


def _damaged(archive_name: str, problem: str) -> CheckFailed:
    return CheckFailed(f"{FILE_NAME} of {archive_name} is damaged or was edited: {problem}.")
