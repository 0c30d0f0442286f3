"""``manifest.json``: every file of a finished run with size and hash; its own hash is the run's fingerprint."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.atomic import write_json
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.run_folder import LOCK_FILE, read_json

FILE_NAME = "manifest.json"
ADDENDA = "addenda"
REPORT = "report.pdf"
WEB_REPORT = "report.html"
REPORTS = (REPORT, WEB_REPORT)
SCHEMA_VERSION = 1
# What a file browser leaves where it was; nothing of segtrail reads them.
LEFT_BY_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# Files that a version control system may give other line ends.
TEXT_SUFFIXES = frozenset(
    {".bib", ".csv", ".html", ".json", ".jsonl", ".log", ".md", ".patch", ".txt", ".yaml"}
)


@dataclass(frozen=True)
class ListedFile:
    """What the manifest says of one file.

    Attributes:
        path: Relative to the run folder, with forward slashes.
        bytes: Its size.
        sha256: SHA-256 of its bytes.
        tensors_sha256: SHA-256 over its tensors, where it is a checkpoint.
    """

    path: str
    bytes: int
    sha256: str
    tensors_sha256: str | None = None

    def as_mapping(self) -> dict[str, Any]:
        """Return its entry."""
        entry: dict[str, Any] = {"path": self.path, "bytes": self.bytes, "sha256": self.sha256}
        return entry | ({} if self.tensors_sha256 is None else {"tensors_sha256": self.tensors_sha256})


def write_manifest(run_dir: Path, hash_tensors: Callable[[Path], str]) -> str:
    """List every file of a run but the reports, the journal and the manifest itself.

    Args:
        run_dir: The run folder; nothing in it may change afterwards.
        hash_tensors: Hashes the tensors of a checkpoint.

    Returns:
        The run's fingerprint: the SHA-256 of the manifest.
    """
    files = [_list(run_dir, path, hash_tensors) for path in sorted(listed_paths(run_dir))]
    content = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_dir.name,
        "files": [file.as_mapping() for file in files],
    }
    write_json(run_dir / FILE_NAME, content)
    return fingerprint(run_dir)


def read_manifest(run_dir: Path) -> list[ListedFile]:
    """Read what the manifest lists.

    Raises:
        InputError: It is missing, damaged or of an unknown schema version.
    """
    return [_entry(file) for file in read_json(run_dir / FILE_NAME)["files"]]


def fingerprint(run_dir: Path) -> str:
    """Return the SHA-256 of the manifest, line ends as line feeds."""
    return hash_text_file(run_dir / FILE_NAME)


def as_written(path: Path) -> bytes:
    """Read a text file as it was written, whatever line ends it was given since."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def listed_paths(run_dir: Path) -> Iterator[str]:
    """Give the path of every file that belongs into the manifest."""
    for path in run_dir.rglob("*"):
        name = path.relative_to(run_dir).as_posix()
        if path.is_file() and path.name not in LEFT_BY_SYSTEMS and not _is_left_out(name):
            yield name


def _is_left_out(name: str) -> bool:
    return name in (FILE_NAME, JOURNAL, LOCK_FILE) or name.startswith((f"{ADDENDA}/", "report."))


def _list(run_dir: Path, name: str, hash_tensors: Callable[[Path], str]) -> ListedFile:
    path = run_dir / name
    is_ours = path.suffix == ".pt" and name.startswith("checkpoints/")
    tensors = hash_tensors(path) if is_ours else None
    return ListedFile(name, path.stat().st_size, hash_file(path), tensors)


def _entry(values: Mapping[str, Any]) -> ListedFile:
    if not isinstance(values["path"], str) or not isinstance(values["bytes"], int):
        raise TypeError("a path that is no text, or a size that is no number")
    return ListedFile(values["path"], values["bytes"], values["sha256"], values.get("tensors_sha256"))
