"""``share.json``: what a shared copy is, and what was left out of it."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segtrail.errors import InputError
from segtrail.record.run_folder import SHARE_FILE as FILE_NAME
from segtrail.sharing.reasons import UNKNOWN, reason_for
from segtrail.sharing.rules import LeftOut

SCHEMA_VERSION: Final = 1
KIND: Final = "shared copy of a run"
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Included(_Part):
    """What went out besides what always does."""

    weights: bool
    code: bool
    description: bool


class DataRoot(_Part):
    """One hash in place of those of all data files."""

    root: _Sha256
    algorithm: str
    files: _Count
    cases: _Count
    groups: _Count


class Original(_Part):
    """The run that the copy was made of, as only the salt can show."""

    fingerprint_commitment: _Sha256
    algorithm: str


class LeftOutEntry(_Part):
    """Something that was left out: a file, or a key of one; null where its name could be somebody's."""

    file: str | None
    key: str | None
    count: _Count
    because: str


class ShareFile(_Part):
    """The content of ``share.json``; see ``docs/share.md``."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["shared copy of a run"] = KIND
    run_id: Annotated[str, Field(pattern=r"^run_[0-9]{8}_[0-9]{6}$")]
    segtrail_version: str
    program_sha256: _Sha256
    included: Included
    data: DataRoot
    original: Original
    left_out: list[LeftOutEntry]

    def as_bytes(self) -> bytes:
        """Return the file."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)
        return f"{text}\n".encode()


def read_share_file(folder: Path) -> ShareFile:
    """Read ``share.json`` of a copy.

    Raises:
        InputError: It is missing, damaged or of another schema version.
    """
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{FILE_NAME} can't be read: {error}.") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{FILE_NAME} has schema_version {version!r}; this segtrail reads {SCHEMA_VERSION}. Use the segtrail that "
            "made the copy."
        )
    try:
        return ShareFile.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{FILE_NAME} is damaged, at {where}: {first['msg']}.") from None


def list_left_out(left_out: LeftOut) -> list[LeftOutEntry]:
    """List what was left out; what is not known is counted by file, or without one, and never named.

    Args:
        left_out: What was found and stayed.
    """
    counts: Counter[tuple[str | None, str | None, str]] = Counter()
    for (file, key), times in left_out.keys.items():
        reason = reason_for(file, key)
        if reason is not None:
            counts[file, key or None, reason] += times
        else:
            counts[file if key else None, None, UNKNOWN] += times
    entries = [
        LeftOutEntry(file=file, key=key, count=count, because=reason)
        for (file, key, reason), count in counts.items()
    ]
    return sorted(entries, key=lambda one: (one.file or "~", one.key or ""))
