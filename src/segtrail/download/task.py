"""From the name of a decathlon task to its folder: download, verify, unpack."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.filesize import decimal

from segtrail.dataset.description import read_description
from segtrail.dataset.msd import ARCHIVE_MD5, archive_url, find_task
from segtrail.download.file import PartFile, download, url_for_people
from segtrail.download.unpack import unpack_dataset
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.disk import require_room, require_writable

_CHUNK_BYTES = 1 << 20
_BASELINE_TASK = "Task02_Heart"


@dataclass(frozen=True)
class TaskRequest:
    """What is wanted.

    Attributes:
        task: Full name of the task, which names its folder too.
        parent: Folder in which the task's folder is to lie.
        url: Address of the archive.
        md5: MD5 that the archive must have, as 32 lower-case hexadecimal digits.
        keep_archive: Whether a downloaded archive stays beside the folder.
    """

    task: str
    parent: Path
    url: str
    md5: str
    keep_archive: bool = False

    @property
    def folder(self) -> Path:
        """The data set's folder."""
        return self.parent / self.task

    @property
    def archive(self) -> Path:
        """Where the archive lies when it is kept."""
        return self.parent / f"{self.task}.tar"


@dataclass(frozen=True)
class TaskArrival:
    """What is there now.

    Attributes:
        folder: The data set's folder.
        n_cases: Labelled cases that its ``dataset.json`` names.
        licence: As ``dataset.json`` says.
        url: Where the archive came from, without the address's query; None if it was not downloaded.
        md5: MD5 that the archive was found to have; None if the folder was there already.
        archive_bytes: Size of the archive; None if the folder was there already.
        continued_from_byte: Bytes that an earlier download had left and that were not fetched again.
    """

    folder: Path
    n_cases: int
    licence: str
    url: str | None = None
    md5: str | None = None
    archive_bytes: int | None = None
    continued_from_byte: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the answer of ``segtrail data download --json``."""
        return {
            "schema_version": 1,
            "task": self.folder.name,
            "url": self.url,
            "md5": self.md5,
            "bytes": self.archive_bytes,
            "folder": str(self.folder),
            "cases": self.n_cases,
            "licence": self.licence,
            "downloaded": self.url is not None,
            "continued_from_byte": self.continued_from_byte,
        }

    def as_text(self) -> str:
        """Return what came and the command that comes next."""
        licence = f"licence {self.licence}" if self.licence else "no licence named"
        return f"{self.folder}: {self.n_cases} labelled cases, {licence}.\nNext: {self._next_command()}"

    def _next_command(self) -> str:
        if self.folder.name != _BASELINE_TASK:
            return f"segtrail check {_quoted(self.folder)}"
        moved = "" if self.folder.parent == Path("data") else f" --data {_quoted(self.folder)}"
        return f"segtrail train configs/baseline.yaml{moved}"


def request_task(
    task: str, parent: Path, url: str | None = None, md5: str | None = None, keep_archive: bool = False
) -> TaskRequest:
    """Read what a person asks for.

    Args:
        task: A task's name, number or beginning.
        parent: Folder in which the task's folder is to lie.
        url: Another mirror, as ``msd.archive_url`` takes it.
        md5: MD5 in place of the known one.
        keep_archive: Whether a downloaded archive stays.

    Raises:
        InputError: The task, the address or the MD5 is none.
    """
    name = find_task(task)
    if md5 is not None and not re.fullmatch("[0-9a-fA-F]{32}", md5):
        raise InputError(f"--md5 is {md5!r}; expected 32 hexadecimal digits.")
    address = archive_url(name) if url is None else archive_url(name, url)
    return TaskRequest(name, parent, address, (md5 or ARCHIVE_MD5[name]).lower(), keep_archive)


def download_task(wanted: TaskRequest, narrator: Narrator) -> TaskArrival:
    """Bring a task's data set, unless it is there already.

    Args:
        wanted: Which, from where, to where.
        narrator: Says how far it is.

    Returns:
        What is there now.

    Raises:
        InputError: Folder, disk, address or server can't be worked with.
        CheckFailed: The archive has another MD5, or holds what a data set must not hold.
        Interrupted: Ctrl-C or SIGTERM came while downloading.
    """
    if _is_there(wanted.folder, narrator):
        return _arrival(wanted)
    require_writable(wanted.parent, "--to", 0)
    with _alone(wanted):
        if _is_there(wanted.folder, narrator):  # another process has been quicker
            return _arrival(wanted)
        if wanted.archive.exists():
            return _from_archive(wanted, narrator)
        return _from_server(wanted, narrator)


def _is_there(folder: Path, narrator: Narrator) -> bool:
    if (folder / "dataset.json").is_file():
        narrator.say(f"{folder} is there already; nothing was downloaded.")
        return True
    if folder.exists():
        raise InputError(
            f"{folder} is there, but holds no dataset.json. Move it away, or choose another place with --to DIR."
        )
    return False


@contextmanager
def _alone(wanted: TaskRequest) -> Iterator[None]:
    """Keep other processes from the same task in the same folder."""
    lock = FileLock(wanted.parent / f".{wanted.task}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Another process is downloading {wanted.task} to {wanted.parent}. Wait for it, or choose another "
            "place with --to DIR."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise InputError(
            f"{wanted.parent} can't be locked: {error}. Choose another place with --to DIR."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _from_archive(wanted: TaskRequest, narrator: Narrator) -> TaskArrival:
    """Unpack an archive that lies there already; it is the user's, and stays."""
    narrator.say(f"{wanted.archive} is there already; nothing is downloaded.")
    found = _md5(wanted.archive, narrator)
    if found != wanted.md5:
        raise CheckFailed(
            f"{wanted.archive} has the MD5 {found}; expected {wanted.md5}. Move it away to download it anew, "
            "or give --md5 if it was repacked on purpose."
        )
    _unpack(wanted.archive, wanted, narrator)
    return _arrival(wanted, md5=found, archive_bytes=wanted.archive.stat().st_size)


def _from_server(wanted: TaskRequest, narrator: Narrator) -> TaskArrival:
    part = PartFile(wanted.archive.with_name(f"{wanted.archive.name}.part"))
    narrator.say(f"Downloading {url_for_people(wanted.url)}")
    if part.size:
        narrator.say(f"{part} are there already.")

    def ask_for_room(archive_bytes: int) -> None:
        require_room(wanted.parent, "--to", 2 * archive_bytes - part.size)

    download(wanted.url, part, narrator, ask_for_room)
    archive_bytes, continued_from_byte = part.size, part.kept_bytes
    found = _md5(part.path, narrator)
    if found != wanted.md5:
        oddity = part.oddity
        part.discard()
        raise CheckFailed(
            f"{url_for_people(wanted.url)} has the MD5 {found}; expected {wanted.md5}. "
            f"{f'{oddity} ' if oddity else ''}The downloaded file was deleted. The server holds another file or "
            "damaged it on the way: try again or another mirror (--url), or give --md5 if the archive was repacked on "
            "purpose."
        )
    try:
        _unpack(part.path, wanted, narrator)
    except CheckFailed:
        part.discard()
        raise
    if wanted.keep_archive:
        part.keep_as(wanted.archive)
    else:
        part.discard()
    return _arrival(wanted, url_for_people(wanted.url), found, archive_bytes, continued_from_byte)


def _md5(path: Path, narrator: Narrator) -> str:
    size = path.stat().st_size
    narrator.say(f"Comparing the MD5 of {decimal(size)}.")
    digest = hashlib.md5(usedforsecurity=False)
    with (
        narrator.track_bytes(f"MD5 of {path.name.removesuffix('.part')}", lines=False) as tracker,
        path.open("rb") as stream,
    ):
        tracker.begin(0, size)
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            tracker.advance(len(chunk))
    return digest.hexdigest()


def _unpack(archive: Path, wanted: TaskRequest, narrator: Narrator) -> None:
    narrator.say("The MD5 is right. Unpacking.")
    n_skipped = unpack_dataset(archive, wanted.folder, narrator)
    if n_skipped:
        narrator.say(f"Files of macOS (._*, .DS_Store) that were left out: {n_skipped}.")


def _arrival(
    wanted: TaskRequest,
    url: str | None = None,
    md5: str | None = None,
    archive_bytes: int | None = None,
    continued_from_byte: int = 0,
) -> TaskArrival:
    description = read_description(wanted.folder)
    return TaskArrival(
        wanted.folder,
        len(description.cases),
        description.licence,
        url,
        md5,
        archive_bytes,
        continued_from_byte,
    )


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
