"""Archives of a run that lie in a place already: one that holds the same is not written again, another not over."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from segtrail.archive.description import ArchiveDescription
from segtrail.archive.file_format import SUFFIX
from segtrail.archive.opened_archive import opened_archive, refuse_damaged
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator


def find_same(
    place: Path, description: ArchiveDescription, narrator: Narrator, *, is_another_wanted: bool
) -> Path | None:
    """Find the archive that holds what another one would.

    Args:
        place: The folder of the archives.
        description: What the other one would hold.
        narrator: Shows progress.
        is_another_wanted: Whether one that holds something else, or is damaged, is passed over.

    Returns:
        The archive, which is whole; None where one is to be written.

    Raises:
        InputError: There is one that holds something else, or is damaged.
    """
    faults = []
    for path in _there(place, description.run_id):
        try:
            differing = _compare(path, description, narrator)
            if not differing:
                return path
            faults.append(f"{path.name} has something else under {', '.join(differing)}.")
        except (CheckFailed, InputError) as error:
            faults.append(str(error))
    if faults and not is_another_wanted:
        raise InputError(
            f"{description.run_id} was archived in {place} before. {faults[-1]} --again writes another archive "
            "beside it."
        )
    return None


def free_name(place: Path, run_id: str) -> Path:
    """Return the first name for an archive of a run that is not taken."""
    return next(path for path in _names(place, run_id) if not path.exists())


def _compare(path: Path, description: ArchiveDescription, narrator: Narrator) -> list[str]:
    """Say in what an archive differs; nothing where it holds the same and is whole."""
    with opened_archive(path) as opened:
        if opened.description != description:
            return _differences(opened.description, description)
        if damaged := opened.find_damage(narrator):
            raise refuse_damaged(path, damaged)
    return []


def _differences(earlier: ArchiveDescription, description: ArchiveDescription) -> list[str]:
    keys = ArchiveDescription.model_fields
    return [key for key in keys if getattr(earlier, key) != getattr(description, key)]


def _names(place: Path, run_id: str) -> Iterator[Path]:
    yield place / f"{run_id}{SUFFIX}"
    yield from (place / f"{run_id}_{number}{SUFFIX}" for number in count(2))


def _there(place: Path, run_id: str) -> Iterator[Path]:
    for path in _names(place, run_id):
        if not path.exists():
            return
        yield path
