"""``outputs/``: copies of what a command wrote, and the folder that it may write to itself."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.names import fault_of_path, printable
from segtrail.record.disk import require_room
from segtrail.record.links import is_link
from segtrail.record.manifest import LEFT_BY_SYSTEMS

FOLDER = "outputs"
# Names the folder to the command.
VARIABLE = "SEGTRAIL_OUTPUTS"
_LONGEST_FIT = 120


@dataclass(frozen=True)
class WatchedFolder:
    """A folder that a command writes to, as it was before.

    Attributes:
        path: The folder.
        name: Its name among the outputs.
        before: When each of its files was written, by path.
    """

    path: Path
    name: str
    before: Mapping[Path, tuple[int, int]]

    def new_files(self) -> Iterator[tuple[str, Path]]:
        """Give each file that is new or was written to, with its path among the outputs."""
        for path in _files_of(self.path):
            if self.before.get(path) != _moment(path):
                yield f"{self.name}/{path.relative_to(self.path).as_posix()}", path


def look_at(folders: Iterable[Path]) -> list[WatchedFolder]:
    """Note what lies in folders before a command writes to them; one that is not there yet is empty."""
    watched, names = [], set[str]()
    for folder in folders:
        name = folder.resolve().name
        number = 2
        while name in names:
            name, number = f"{folder.resolve().name}_{number}", number + 1
        names.add(name)
        watched.append(WatchedFolder(folder, name, {path: _moment(path) for path in _files_of(folder)}))
    return watched


def keep_outputs(run_dir: Path, folders: Iterable[WatchedFolder]) -> None:
    """Copy what is new in folders into the run.

    Args:
        run_dir: The run folder.
        folders: The folders, as they were before.

    Raises:
        InputError: The disk has no room for it.
        OSError: A file can't be read or written.
    """
    new = dict(pair for folder in folders for pair in folder.new_files())
    require_room(run_dir, "--output-root", sum(path.stat().st_size for path in new.values()))
    for name, path in new.items():
        copy_into(run_dir / FOLDER / name, path)


def copy_into(target: Path, source: Path) -> None:
    """Copy a file to a place whose folder may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def make_fit(folder: Path) -> list[str]:
    """Make the outputs such that every system can hold them: no links, no names that some system does not take.

    Args:
        folder: ``outputs/`` of a run.

    Returns:
        A sentence for each that was taken out or renamed.
    """
    links = sorted(path for path in folder.rglob("*") if is_link(path))
    sentences = []
    for path in links:
        path.unlink()
        sentences.append(
            f"{path.relative_to(folder).as_posix()} among the outputs was a link, which is not kept."
        )
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):  # what lies deeper comes first
        if fault_of_path(path.name) is not None:
            fit = _free(path.with_name(_fit(path.name)))
            was = path.relative_to(folder).as_posix()
            path.rename(fit)
            sentences.append(
                f"{printable(was)} among the outputs is kept as {fit.name}, which every system takes."
            )
    return sentences


def _fit(name: str) -> str:
    safe = "".join(
        "_" if letter in '\\/:*?"<>|' or not letter.isprintable() else letter for letter in name
    ).rstrip(". ")
    return safe if safe and fault_of_path(safe) is None else f"_{safe}"[:_LONGEST_FIT]


def _free(path: Path) -> Path:
    """Return a path that is not taken yet."""
    candidate, number = path, 2
    while candidate.exists():
        candidate, number = path.with_name(f"{path.stem}_{number}{path.suffix}"), number + 1
    return candidate


def _files_of(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name not in LEFT_BY_SYSTEMS:
                yield path


def _moment(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
