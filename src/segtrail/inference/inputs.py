"""Finding the images that are to be segmented: files, folders, data sets."""

import glob
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.containment import is_file_inside, lies_inside
from segtrail.dataset.description import DatasetDescription, case_name, read_description
from segtrail.dataset.names import comparable, fault_of_case_name, shown
from segtrail.errors import InputError

_SUFFIXES = (".nii", ".nii.gz")
# nnU-Net's way to name the files of one case by the number of their channel.
_CHANNEL_FILE = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})\.nii(?:\.gz)?")
_PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class InputImage:
    """One image to segment: its name, and one file, or one for each channel in their order."""

    case: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class FoundInputs:
    """The images of a command line.

    Attributes:
        images: The images, in the order of the command line; those of a folder by name.
        folders: The folders that were named.
        left_out: Files that a data set lists as unlabelled and that are not there.
    """

    images: tuple[InputImage, ...]
    folders: tuple[Path, ...]
    left_out: tuple[str, ...]


def find_inputs(
    inputs: Sequence[str], n_channels: int, description_file: str = "dataset.json"
) -> FoundInputs:
    """Find the images that a command line names.

    An input is a NIfTI file, a folder (all NIfTI files in it but hidden ones, without its subfolders), a data set
    (its folder or its description: labelled and unlabelled cases), or a pattern that the shell left as it is.
    Where the network takes several channels, files CASE_0000, CASE_0001 and so on in one folder are one image.

    Args:
        inputs: What the command line names.
        n_channels: Channels that the network takes.
        description_file: Name of the description in the data set of the run.

    Returns:
        The images.

    Raises:
        InputError: Something is not there, is no NIfTI file, holds none, or two inputs are one case; all is listed.
    """
    finder = _Finder(n_channels, description_file)
    for text in inputs:
        finder.add(text)
    finder.check_images()
    finder.refuse_problems()
    images = _without_repetitions(finder.images)
    _refuse_same_names(images)
    return FoundInputs(tuple(images), tuple(finder.folders), tuple(finder.left_out))


class _Finder:
    """Goes through the inputs one after the other and collects what is wrong with any."""

    def __init__(self, n_channels: int, description_file: str) -> None:
        self._n_channels, self._description_file = n_channels, description_file
        self._problems: list[str] = []
        self.images: list[InputImage] = []
        self.folders: list[Path] = []
        self.left_out: list[str] = []

    def add(self, text: str) -> None:
        if not text.strip():  # an unset variable of the shell, which would name the current folder
            self._problems.append("An input is empty.")
            return
        path = Path(text).expanduser()
        try:
            self._add_path(path)
        except OSError as error:  # a folder that can't be entered, a name that is too long
            self._problems.append(f"{_name(path)} can't be read: {error.strerror or error}.")

    def check_images(self) -> None:
        """Find names that some system can't give to an output, and files that would be waited for for ever."""
        for image in self.images:
            if (fault := fault_of_case_name(image.case)) is not None:
                self._problems.append(
                    f"{_name(image.files[0])}: the name {shown(image.case)} {fault}. Rename it."
                )
            self._problems += [_no_ordinary_file(file) for file in image.files if _is_other_than_a_file(file)]

    def refuse_problems(self) -> None:
        if self._problems:
            first = self._problems[:_PROBLEMS_SHOWN]
            more = len(self._problems) - len(first)
            lines = "\n".join(f"  {problem}" for problem in first)
            raise InputError(
                f"These inputs can't be segmented:\n{lines}" + (f"\n  and {more} more." if more else "")
            )

    def _add_path(self, path: Path) -> None:
        if path.is_dir():
            self._add_folder(path)
        elif path.is_file() and path.suffix == ".json":
            self._add_dataset(path.parent, path.name)
        elif path.exists():
            self._add_files([path])
        else:
            self._add_pattern(path)

    def _add_pattern(self, path: Path) -> None:
        """Expand a pattern, as shells other than Windows' own do before the program sees it."""
        if path.is_symlink():
            self._problems.append(f"{_name(path)} is a link to a file that is not there.")
            return
        if not glob.has_magic(str(path)):
            self._problems.append(f"{_name(path)} is not there.")
            return
        found = [Path(name) for name in sorted(glob.glob(str(path)))]  # noqa: PTH207 (a pattern with its folder)
        if not found:
            self._problems.append(f"{_name(path)} matches no file.")
        files = [file for file in found if not file.is_dir()]
        for folder in (file for file in found if file.is_dir()):
            self._add_folder(folder)
        self._add_files(files)

    def _add_folder(self, folder: Path) -> None:
        self.folders.append(folder)
        for name in dict.fromkeys((self._description_file, "dataset.json")):
            if (folder / name).is_file():
                self._add_dataset(folder, name)
                return
        files = sorted(path for path in folder.iterdir() if _is_meant_as_image(path))
        if not files:
            self._problems.append(
                f"{_name(folder)} holds no .nii or .nii.gz file and no dataset.json. Subfolders are not looked into."
            )
        self._add_files(files)

    def _add_files(self, files: Iterable[Path]) -> None:
        usable = []
        for file in files:
            if (fault := _fault_of_file(file)) is not None:
                self._problems.append(fault)
            else:
                usable.append(file)
        self.images += _group_channels(usable, self._n_channels)

    def _add_dataset(self, root: Path, file_name: str) -> None:
        if root not in self.folders:
            self.folders.append(root)
        description = read_description(root, file_name)
        self._problems += [
            f"{_name(root / file_name)}: {finding.evidence}." for finding in description.faulty_cases
        ]
        labelled = [InputImage(case.case, tuple(case.image_paths(root))) for case in description.cases]
        self.images += labelled
        self._add_unlabelled(description)
        for image in labelled:
            self._problems += [
                f"{_name(file)} is a link out of the data set's folder; put the file itself there."
                for file in image.files
                if not lies_inside(file, root)
            ]

    def _add_unlabelled(self, description: DatasetDescription) -> None:
        """Add the images without a label that are there; many data sets are passed on without them."""
        for names in description.unlabelled:
            files = [description.root / name for name in names]
            if not all(is_file_inside(file, description.root) for file in files):
                self.left_out += list(names)
            elif len(files) > 1 and (match := _CHANNEL_FILE.fullmatch(files[0].name)):
                self.images.append(InputImage(match["case"], tuple(files)))
            else:
                self.images.append(InputImage(case_name(files[0].name), tuple(files)))


def _is_meant_as_image(path: Path) -> bool:
    """Whether a file of a folder is meant as an image, be it one that can't be used."""
    return path.name.lower().endswith(_SUFFIXES) and not path.name.startswith(".") and not path.is_dir()


def _fault_of_file(file: Path) -> str | None:
    """Return why a file can't be an input; None for one that can."""
    if not file.name.endswith(_SUFFIXES):
        if file.name.lower().endswith(_SUFFIXES):
            return f"{_name(file)}: the endings .nii and .nii.gz are in lower case. Rename it."
        return f"{_name(file)} is no .nii or .nii.gz file."
    if file.name.startswith("._"):
        return f"{_name(file)} is a macOS metadata file, not an image."
    if not case_name(file.name):
        return f"{_name(file)} has no name before its ending."
    if file.is_symlink() and not file.exists():
        return f"{_name(file)} is a link to a file that is not there."
    return _no_ordinary_file(file) if _is_other_than_a_file(file) else None


def _is_other_than_a_file(path: Path) -> bool:
    """Whether a path is there but no regular file; opening a pipe would wait for ever."""
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113 (these never raise on a loop)


def _no_ordinary_file(path: Path) -> str:
    return f"{_name(path)} is no ordinary file."


def _name(path: Path) -> str:
    return shown(str(path))


def _without_repetitions(images: Sequence[InputImage]) -> list[InputImage]:
    """Count an image once that was named twice, for instance by its folder and by itself."""
    first: dict[tuple[str, ...], InputImage] = {}
    for image in images:
        first.setdefault((image.case, *map(os.path.realpath, image.files)), image)
    return list(first.values())


def _group_channels(files: Sequence[Path], n_channels: int) -> list[InputImage]:
    """Join the files of one case where all of a network's channels are there; others stand alone."""
    groups: dict[tuple[Path, str], dict[int, Path]] = defaultdict(dict)
    for file in files:
        match = _CHANNEL_FILE.fullmatch(file.name)
        if match and n_channels > 1:
            groups[file.parent, match["case"]][int(match["channel"])] = file
    whole = {key: files for key, files in groups.items() if sorted(files) == list(range(n_channels))}
    taken = {file: key for key, members in whole.items() for file in members.values()}
    images: dict[Path | tuple[Path, str], InputImage] = {}
    for file in files:
        key = taken.get(file)
        if key is None:
            images[file] = InputImage(case_name(file.name), (file,))
        else:
            images[key] = InputImage(key[1], tuple(whole[key][number] for number in range(n_channels)))
    return list(images.values())


def _refuse_same_names(images: Sequence[InputImage]) -> None:
    """Refuse names that some file system takes for one: the outputs would be one file."""
    by_name: dict[str, list[InputImage]] = defaultdict(list)
    for image in images:
        by_name[comparable(image.case)].append(image)
    twice = [group for group in by_name.values() if len(group) > 1]
    if twice:
        lines = [
            f"  {shown(group[0].case)}: {' and '.join(_name(image.files[0]) for image in group)}"
            for group in twice
        ]
        raise InputError(
            "Two inputs have one name, so that their outputs would be one file. Rename one, or segment them into "
            "folders of their own:\n" + "\n".join(lines)
        )
