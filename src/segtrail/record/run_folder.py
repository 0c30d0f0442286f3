"""The run folder: its name, its files, its state."""

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from segtrail.atomic import write_json
from segtrail.errors import InputError
from segtrail.record.journal import FILE_NAME as JOURNAL_FILE
from segtrail.record.journal import Journal
from segtrail.record.recorded_training import is_recorded

SCHEMA_VERSION = 1
LOCK_FILE = ".lock"
SHARE_FILE = "share.json"
Status = Literal["running", "interrupted", "failed", "finished"]


def utc_now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Write a time in UTC, to the second, as ISO 8601."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class RunFolder:
    """One run's folder.

    Args:
        path: The folder; it must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal: Journal | None = None
        self._is_done = False

    @classmethod
    def create(cls, output_root: Path) -> "RunFolder":
        """Claim a new folder ``runs/run_YYYYMMDD_HHMMSS`` (UTC); when it is taken, the next free second.

        Args:
            output_root: Folder that holds ``runs``.

        Returns:
            The new, empty folder with its subfolders.

        Raises:
            InputError: The folder can't be made.
        """
        try:
            path = claim_folder(output_root / "runs", "run")
            for name in ("checkpoints", "predictions", "examples"):
                (path / name).mkdir()
        except OSError as error:
            raise InputError(f"The run folder can't be made in {output_root}: {error.strerror}.") from None
        return cls(path)

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.path.name

    def write_state(self, **changes: Any) -> None:
        """Change entries of ``run.json``; mappings are merged."""
        path = self.path / "run.json"
        state: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "run_id": self.run_id}
        if path.exists():
            state = read_json(path)
        for key, value in changes.items():
            state[key] = {**(state.get(key) or {}), **value} if isinstance(value, dict) else value
        write_json(path, state)

    @property
    def journal(self) -> Journal:
        """The run's journal, once it is opened."""
        assert self._journal is not None
        return self._journal

    def open_journal(self, actor: str | None) -> Journal:
        """Open the journal for writing; the run must be held.

        Args:
            actor: Who answers for what is written: ``project.operator``.

        Raises:
            InputError: The file is no journal.
        """
        self._journal = Journal(self.path / JOURNAL_FILE, actor)
        return self._journal

    def read_state(self) -> dict[str, Any]:
        """Read ``run.json``.

        Raises:
            InputError: It is missing, damaged or of an unknown schema version.
        """
        return read_json(self.path / "run.json")

    def add_spent(self, phase: str, seconds: float, cpu_seconds: float) -> None:
        """Add to what a phase took; one that was interrupted is gone on with later.

        Args:
            phase: Its name.
            seconds: Time on the clock.
            cpu_seconds: Processor time.
        """
        state = self.read_state()
        spent = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        before = {key: float(state.get(key, {}).get(phase, 0.0)) for key in spent}
        self.write_state(**{key: {phase: round(before[key] + more, 3)} for key, more in spent.items()})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run, so that no second program writes into it; a program that dies holds nothing.

        Raises:
            InputError: Another program holds it.
        """
        lock = FileLock(self.path / LOCK_FILE, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"Another program works in {self.path}. Wait until it ends, or stop it first."
            ) from None
        except (OSError, NotImplementedError) as error:  # the latter where the file system has no locks
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self.path} can't be held or written: {reason}.") from None
        try:
            yield
        finally:
            lock.release()
            if self._is_done:
                self.remove_lock()

    def remove_lock(self) -> None:
        """Take the lock file out of a run that nobody will hold again; others keep it, or they could be held twice."""
        self._is_done = True
        with suppress(OSError):  # Windows removes no open file; it is tried again when it is closed
            (self.path / LOCK_FILE).unlink(missing_ok=True)

    def end(self, status: Status, because: str) -> None:
        """Mark the run as ended."""
        self.write_state(status=status, ended_utc=utc_now(), ended_because=because)


def claim_folder(parent: Path, name: str) -> Path:
    """Make a new folder ``NAME_YYYYMMDD_HHMMSS`` (UTC); when it is taken, the next free second.

    Args:
        parent: Where to make it; made as well.
        name: What stands before the time.

    Returns:
        The folder, which nobody else has got.

    Raises:
        OSError: It can't be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC)
    while True:
        path = parent / f"{name}_{moment:%Y%m%d_%H%M%S}"
        try:
            path.mkdir()
        except FileExistsError:
            moment += timedelta(seconds=1)
        else:
            return path


def find_run(
    name: str, output_root: Path, *, even_damaged: bool = False, even_shared: bool = False
) -> RunFolder:
    """Find a run by folder, by ID, or as ``latest``.

    Args:
        name: A path, a run ID, or ``latest``.
        output_root: Folder whose ``runs`` is searched for IDs.
        even_damaged: Whether a folder without ``run.json`` is taken too, where other files show what it was.
        even_shared: Whether a copy that was made for use elsewhere is taken too, which has no journal.

    Returns:
        The run.

    Raises:
        InputError: There is no such run, or it is such a copy.
    """
    runs = output_root / "runs"
    if name == "latest":
        known = sorted(path for path in runs.glob("run_*") if (path / "run.json").is_file())
        if not known:
            raise InputError(f"There is no run in {runs} yet. Train one, or give --output-root.")
        return RunFolder(known[-1])
    signs = ("run.json", "manifest.json", JOURNAL_FILE) if even_damaged else ("run.json",)
    for path in (Path(name).expanduser(), runs / name):
        if any(_is_there(path / sign) for sign in signs):
            if not even_shared:
                refuse_shared_copy(path)
            return RunFolder(path.resolve())
    raise InputError(
        f"{name} is neither a run folder nor the ID of a run in {runs}. `latest` names the newest."
    )


def find_trained_run(name: str, output_root: Path, *, even_shared: bool = False) -> RunFolder:
    """Find a run that segtrail itself trained.

    Args:
        name: A path, a run ID, or ``latest``.
        output_root: Folder whose ``runs`` is searched for IDs.
        even_shared: Whether a shared copy of a run is taken too.

    Returns:
        The run.

    Raises:
        InputError: There is no such run, or another program trained it.
    """
    folder = find_run(name, output_root, even_shared=even_shared)
    state = folder.read_state()
    if is_recorded(state):
        raise InputError(
            f"{folder.run_id} is the record of another program's training ({state['recorded']['program']}), whose "
            "network segtrail can't run. `segtrail report`, `verify`, `archive`, `note` and `signoff` work with it."
        )
    return folder


def is_shared_copy(folder: Path) -> bool:
    """Tell whether a folder is a shared copy: it says so, and has no journal, which every run has."""
    return (folder / SHARE_FILE).is_file() and not (folder / JOURNAL_FILE).exists()


def refuse_shared_copy(folder: Path) -> None:
    """Refuse a shared copy where a run is needed.

    Raises:
        InputError: The folder is such a copy.
    """
    if is_shared_copy(folder):
        raise InputError(
            f"{folder.name} is a shared copy of a run, without the journal, data hashes and pictures that this command "
            "needs. `segtrail verify`, `predict`, `card` and `sign` take it."
        )


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()
    except OSError:  # a name that no file system takes
        return False


def read_json(path: Path, run_id: str | None = None) -> dict[str, Any]:
    """Read a JSON object of a run folder.

    Args:
        path: The file.
        run_id: The run, for messages; None for the name of the folder that the file lies in.

    Raises:
        InputError: The file is missing, damaged or of an unknown schema version.
    """
    run_id = path.parent.name if run_id is None else run_id
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The run {run_id} has no {path.name}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} of the run {run_id} can't be read: {error}.") from None
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path.name} of the run {run_id} has another schema version than this segtrail reads "
            f"({SCHEMA_VERSION}). Use the segtrail that made it."
        )
    return content


def describe_environment() -> dict[str, str]:
    """Name the versions a result depends on."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("torch", "monai", "numpy", "scipy", "nibabel")}
    return {
        "python": platform.python_version(),
        **packages,
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }
