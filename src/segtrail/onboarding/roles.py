"""Telling images from labels by the names of folders and files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from segtrail.dataset.description import case_name
from segtrail.onboarding.find_files import matching_glob
from segtrail.onboarding.words import (
    NEUTRAL_FOLDERS,
    Role,
    folder_role,
    says_label,
    without_image_word,
    without_label_word,
)


@dataclass(frozen=True)
class NamedFile:
    """A file and what its path says.

    Attributes:
        path: Relative to the data set's folder.
        role: What it is taken for.
        context: The folders that are left without those that say image or label: those of a patient, for instance.
    """

    path: PurePosixPath
    role: Role
    context: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The file name without ``.nii`` or ``.nii.gz``."""
        return case_name(str(self.path))

    @property
    def bare(self) -> str:
        """The stem without a word that says image or label; empty where it is nothing else."""
        return without_label_word(self.stem) if "label" in self.role else without_image_word(self.stem)


def roles_by_folder(
    files: Sequence[PurePosixPath], images: str | None = None, labels: str | None = None
) -> list[NamedFile]:
    """Take each file for what the nearest telling folder says, and else for what its name says.

    Args:
        files: Paths relative to the data set's folder.
        images: A pattern that names the images; others are none.
        labels: The same for labels.

    Returns:
        The files, without those that the patterns leave out.
    """
    return _narrowed([_by_folder(file) for file in files], images, labels)


def roles_by_name(
    files: Sequence[PurePosixPath], images: str | None = None, labels: str | None = None
) -> list[NamedFile]:
    """Take each file for what its own name says; see ``roles_by_folder``."""
    named = [
        NamedFile(
            file, "label" if says_label(case_name(str(file))) else "image", _without_neutral(file.parts[:-1])
        )
        for file in files
    ]
    return _narrowed(named, images, labels)


def _by_folder(file: PurePosixPath) -> NamedFile:
    said = [folder_role(folder) for folder in file.parts[:-1]]
    by_name: Role = "label" if says_label(case_name(str(file))) else "image"
    role = next((role for role in reversed(said) if role is not None), by_name)
    silent = tuple(
        folder for folder, role_said in zip(file.parts[:-1], said, strict=True) if role_said is None
    )
    return NamedFile(file, role, _without_neutral(silent))


def _without_neutral(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(folder for folder in folders if folder.lower() not in NEUTRAL_FOLDERS)


def _narrowed(named: list[NamedFile], images: str | None, labels: str | None) -> list[NamedFile]:
    paths = [file.path for file in named]
    chosen_images = matching_glob(paths, images, "--images") if images else None
    chosen_labels = matching_glob(paths, labels, "--labels") if labels else None
    kept = []
    for file in named:
        role = _role_by_pattern(file, chosen_images, chosen_labels)
        if role is not None:
            kept.append(NamedFile(file.path, role, file.context))
    return kept


def _role_by_pattern(
    file: NamedFile, images: set[PurePosixPath] | None, labels: set[PurePosixPath] | None
) -> Role | None:
    if labels is not None and file.path in labels:
        return "label"
    if images is not None and file.path in images:
        return "image"
    left_out = images if "image" in file.role else labels
    return file.role if left_out is None or "test" in file.role else None
