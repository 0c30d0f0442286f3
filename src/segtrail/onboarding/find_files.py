"""Finding the NIfTI files of a folder, and what stands in for them where there are none."""

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from segtrail.errors import InputError

RENUMBERED_FOLDER = "labels_segtrail"
_FORBIDDEN_IN_NAMES = frozenset('\\:*?"<>|')
_NIFTI = (".nii", ".nii.gz")
_DICOM = frozenset({".dcm", ".ima"})
_OTHER_FORMATS = (
    ".dcm",
    ".ima",
    ".nrrd",
    ".nhdr",
    ".mha",
    ".mhd",
    ".mgz",
    ".hdr",
    ".img",
    ".npy",
    ".tif",
    ".tiff",
)


def find_nifti_files(folder: Path) -> tuple[PurePosixPath, ...]:
    """List every ``.nii`` and ``.nii.gz`` file under a folder.

    Hidden files and folders, what macOS leaves beside files, run folders and renumbered labels are passed over.

    Args:
        folder: The folder.

    Returns:
        Paths relative to the folder, sorted.

    Raises:
        InputError: There is no such folder, one in it can't be read, or a name can't be written into ``dataset.json``.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Name the folder that holds your images and labels.")
    found = sorted(file for file in _walk(folder) if file.name.endswith(_NIFTI))
    _refuse_names(found)
    return tuple(found)


def other_formats(folder: Path) -> str:
    """Say which files of other formats or endings lie in a folder, and what to do; nothing where there are none."""
    files = list(_walk(folder))
    said = ""
    capitals = sum(file.name.lower().endswith(_NIFTI) and not file.name.endswith(_NIFTI) for file in files)
    if capitals:
        said = f" {capitals} more end in capitals; segtrail reads the endings .nii and .nii.gz in lower case: rename."
    counts = Counter(file.suffix.lower() for file in files if file.suffix.lower() in _OTHER_FORMATS)
    if counts:
        shown = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(3))
        dicom = " (DICOM: dcm2niix)" if counts.keys() & _DICOM else ""
        said += f" There are files of other formats ({shown}): convert them to NIfTI first{dicom}."
    return said


def matching_glob(files: Sequence[PurePosixPath], pattern: str, option: str) -> set[PurePosixPath]:
    """Return the files that a pattern of the command line names.

    Args:
        files: Paths relative to the folder.
        pattern: As ``*_t1.nii.gz`` or ``images/*``; without a slash it is for the name alone.
        option: The option it came from, for the message.

    Raises:
        InputError: It names no file.
    """
    wanted = pattern.replace("\\", "/").removeprefix("./")
    chosen = {
        file
        for file in files
        if fnmatch.fnmatchcase(str(file) if "/" in wanted else file.name, wanted)
        or fnmatch.fnmatchcase(str(file), wanted.removeprefix("**/"))
    }
    if not chosen:
        raise InputError(
            f"{option} {pattern!r} names none of the {len(files)} NIfTI files. Patterns are relative to the folder, "
            f'in quotes, for example {option} "*_t1.nii.gz".'
        )
    return chosen


def _walk(folder: Path) -> Iterator[PurePosixPath]:
    for place, folders, names in os.walk(folder, onerror=_refuse_unreadable):
        if "run.json" in names and "config_resolved.yaml" in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _is_passed_over(name)]
        inside = PurePosixPath(Path(place).relative_to(folder).as_posix())
        yield from (inside / name for name in names if not name.startswith("."))


def _refuse_unreadable(error: OSError) -> None:
    raise InputError(
        f"The folder {error.filename} can't be read: {error.strerror}. Its files would be missed."
    )


def _is_passed_over(folder: str) -> bool:
    return folder.startswith((".", RENUMBERED_FOLDER)) or folder == "__MACOSX"


def _refuse_names(files: Sequence[PurePosixPath]) -> None:
    bad = [file for file in files if set(str(file)) & _FORBIDDEN_IN_NAMES or not _is_text(str(file))]
    if bad:
        shown = "\n".join(f"  {str(file)!a}" for file in bad[:10])
        raise InputError(
            f"{len(bad)} files have names that other systems can't hold (one of \\ : * ? \" < > | in it, or no "
            f"valid Unicode). Rename them:\n{shown}"
        )


def _is_text(name: str) -> bool:
    return name.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in name)
