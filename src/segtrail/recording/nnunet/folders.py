"""Where nnU-Net keeps what belongs to one fold: results, preprocessed data and raw data."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.names import fault_of_case_name, shown_list
from segtrail.errors import InputError

_DATASET = re.compile(r"Dataset\d{3}_.+")
# Below a fold's own folder lie, from below: the trainer's folder, the data set's, the results root.
_LEVELS = ("fold_*", "*/fold_*", "*/*/fold_*")
_FIRST_VERSION = "model_*.model"
_MOST_LEVELS = 5


@dataclass(frozen=True)
class TrainerFolder:
    """What the name of a trainer's folder says, ``TRAINER__PLANS__CONFIGURATION``; None where it says nothing."""

    trainer: str | None = None
    plans: str | None = None
    configuration: str | None = None


@dataclass(frozen=True)
class FoldFolders:
    """The folders of one fold.

    Attributes:
        fold: Results of the fold.
        preprocessed: The data set's folder under ``nnUNet_preprocessed``; None where it was not found.
        raw: The data set's folder under ``nnUNet_raw``; None where it was not found.
    """

    fold: Path
    preprocessed: Path | None
    raw: Path | None

    @property
    def trainer(self) -> Path:
        """The folder that the folds of one training share."""
        return self.fold.parent

    @property
    def named(self) -> TrainerFolder:
        """What the trainer's folder is named after."""
        parts = self.trainer.name.split("__")
        return TrainerFolder(*parts) if len(parts) == 3 and all(parts) else TrainerFolder()

    @property
    def number(self) -> str:
        """The fold's number, or ``all``."""
        return self.fold.name.removeprefix("fold_")

    @property
    def data_set(self) -> str | None:
        """The data set's name as nnU-Net has it, ``Dataset004_Hippocampus``."""
        return data_set_of(self.fold)


def data_set_of(fold: Path) -> str | None:
    """Return the data set that a fold's folder lies under; None where that is named otherwise."""
    name = fold.parent.parent.name
    return name if _DATASET.fullmatch(name) and fault_of_case_name(name) is None else None


def find_fold(results: Path) -> Path:
    """Find the one fold that is meant.

    Args:
        results: The fold's folder, or one above it that has no other fold.

    Returns:
        The fold's folder.

    Raises:
        InputError: There is no such folder, it holds no fold or several, or nnU-Net's first version wrote it.
    """
    results = results.absolute()
    try:
        if not results.is_dir():
            raise InputError(
                f"There is no results folder {results}. Give the folder of a fold, as "
                "nnUNet_results/Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0."
            )
        folds = _folds_in(results)
        first_version = [fold for fold in folds if _is_of_first_version(fold)]
        folds = [fold for fold in folds if fold not in first_version]
        if not folds and (first_version or _holds_first_version(results)):
            raise InputError(
                f"{results} holds a training of nnU-Net's first version; segtrail reads the second (nnunetv2)."
            )
    except OSError as error:
        raise InputError(f"{results} can't be read: {error.strerror}.") from None
    return _only(folds, results)


def find_folders(fold: Path, given: Mapping[str, Path | None], environment: Mapping[str, str]) -> FoldFolders:
    """Find the data that belong to a fold.

    Args:
        fold: The fold's folder.
        given: ``nnUNet_raw`` and ``nnUNet_preprocessed`` as the user gave them, or the data set's folder in them.
        environment: Variables that name them otherwise; else they are looked for beside the results.

    Returns:
        The folders.

    Raises:
        InputError: The user gave one that is none, or has no such data set.
    """
    found = {name: _find(name, fold, given.get(name), environment) for name in given}
    return FoldFolders(fold, found.get("nnUNet_preprocessed"), found.get("nnUNet_raw"))


def _find(name: str, fold: Path, given: Path | None, environment: Mapping[str, str]) -> Path | None:
    data_set = data_set_of(fold)
    if given is not None:
        place = given if data_set is None or given.name == data_set else given / data_set
        if not place.is_dir():
            raise InputError(f"There is no folder {place}. Give {name}, or the folder of the data set in it.")
        return place.absolute()
    if data_set is None:
        return None
    roots = [Path(environment[name])] if environment.get(name) else []
    roots.append(fold.parents[2].with_name(name) if fold.parents[2].name else fold.parents[2] / name)
    return next((root.absolute() / data_set for root in roots if (root / data_set).is_dir()), None)


def _folds_in(results: Path) -> list[Path]:
    if _is_fold(results):
        return [results]
    return sorted(path for level in _LEVELS for path in results.glob(level) if _is_fold(path))


def _is_fold(path: Path) -> bool:
    """Tell whether a folder is a fold's: by its name, and by files that a training leaves."""
    if not path.name.startswith("fold_") or not path.is_dir():
        return False
    left = ("training_log_*.txt", "checkpoint_*.pth", "debug.json", "validation", _FIRST_VERSION)
    return any(any(path.glob(pattern)) for pattern in left)


def _is_of_first_version(fold: Path) -> bool:
    return (fold.parent / "plans.pkl").is_file() or any(fold.glob(_FIRST_VERSION))


def _holds_first_version(results: Path) -> bool:
    return any(any(results.glob("*/" * level + "plans.pkl")) for level in range(_MOST_LEVELS))


def _only(folds: list[Path], results: Path) -> Path:
    if not folds:
        raise InputError(
            f"{results} holds no results of nnU-Net: no folder fold_0 with a training log or checkpoint. Give the "
            "folder of a fold, and see that the training has begun."
        )
    if len(folds) > 1:
        names = shown_list([fold.relative_to(results).as_posix() for fold in folds])
        raise InputError(f"{results} holds {len(folds)} folds of nnU-Net: {names}. Give the folder of one.")
    return folds[0]


def label_files(folder: Path | None, ending: str) -> Iterator[tuple[str, Path]]:
    """Yield the cases of a folder of label maps with their files, in the order of their names.

    Args:
        folder: The folder; nothing is there where it is None or missing.
        ending: How the files end.
    """
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.endswith(ending) and not path.name.startswith("."):
                yield path.name.removesuffix(ending), path
