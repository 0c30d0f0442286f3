"""Which cases a fold trained on, and the label maps that it made of the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import fault_of_case_name, shown, shown_list
from segtrail.errors import InputError
from segtrail.recording.foreign_training import LabelPair
from segtrail.recording.nnunet.folders import FoldFolders, label_files
from segtrail.recording.nnunet.json_file import read_json
from segtrail.recording.nnunet.log import LoggedTraining

ENDINGS = (".nii.gz", ".nii")
ALL = "all"
# As many as the four digits of a file name tell apart.
_MOST_CHANNELS = 10_000


@dataclass(frozen=True)
class FoldCases:
    """The cases of a fold.

    Attributes:
        train: Cases that were trained on.
        validation: Cases that were kept from it; None where that is not known.
        gaps: What could not be found out, in sentences.
    """

    train: Sequence[str] = ()
    validation: Sequence[str] | None = None
    gaps: Sequence[str] = ()


@dataclass(frozen=True)
class ValidationMaps:
    """The label maps of the validation with their references.

    Attributes:
        pairs: The label maps that have a reference.
        gaps: What is missing, in sentences.
    """

    pairs: Sequence[LabelPair] = ()
    gaps: list[str] = field(default_factory=list)


def read_cases(folders: FoldFolders, ending: str, logged: LoggedTraining) -> FoldCases:
    """Read the cases of a fold: from ``splits_final.json``, or all there are for the fold ``all``.

    Args:
        folders: The folders of the fold.
        ending: How the files of label maps end.
        logged: What the training logs say.
    """
    if folders.number == ALL:
        return _all_cases(folders, ending)
    unknown = "It is not known which cases were trained on."
    if folders.preprocessed is None:
        return FoldCases(gaps=[f"No folder of the data set was found in nnUNet_preprocessed. {unknown}"])
    try:
        splits = read_json(folders.preprocessed / "splits_final.json", folders.preprocessed)
        split = _split_of(splits, folders.number)
        train, validation = _names(split["train"]), _names(split["val"])
    except InputError as error:
        return FoldCases(gaps=[f"{error} {unknown}"])
    if logged.n_cases in (None, (len(train), len(validation))):
        return FoldCases(train, validation)
    return FoldCases(
        gaps=[
            f"splits_final.json has {len(train)} cases to train on and {len(validation)} to validate in fold "
            f"{folders.number}, the training log {logged.n_cases[0]} and {logged.n_cases[1]}: it was changed since. "
            f"{unknown}"
        ]
    )


def find_label_maps(
    folders: FoldFolders, ending: str, cases: FoldCases, logged: LoggedTraining
) -> ValidationMaps:
    """Pair the label maps in ``validation`` with their references.

    Args:
        folders: The folders of the fold.
        ending: How the files of label maps end.
        cases: The cases of the fold.
        logged: What the training logs say.
    """
    if ending not in ENDINGS:
        return ValidationMaps(
            gaps=[
                f"The label maps end in {shown(ending)}; segtrail reads .nii.gz and .nii, and measured none of them."
            ]
        )
    listed = dict(label_files(folders.fold / "validation", ending))
    made = {case: path for case, path in listed.items() if _is_usable(case, path, folders.fold)}
    if not listed:
        return ValidationMaps(
            gaps=[
                f"{folders.fold.name} holds no label maps of a validation, so that nothing could be measured."
            ]
        )
    result = ValidationMaps()
    if len(made) < len(listed):
        result.gaps.append(
            "These label maps are links out of their folder, or have names that not every system allows: "
            f"{shown_list(sorted(set(listed) - set(made)))}."
        )
    usable = _without_stale(made, logged, result.gaps)
    pairs = [_pair(case, usable[case], folders, ending) for case in usable]
    _note_missing(set(made), cases, result.gaps)
    lacking = [case for case, pair in zip(usable, pairs, strict=True) if pair is None]
    if lacking:
        result.gaps.append(
            "No reference was found in nnUNet_preprocessed (gt_segmentations) or nnUNet_raw (labelsTr) for: "
            f"{shown_list(lacking)}."
        )
    return ValidationMaps([pair for pair in pairs if pair is not None], result.gaps)


def _without_stale(made: dict[str, Path], logged: LoggedTraining, gaps: list[str]) -> dict[str, Path]:
    """Leave out label maps that the weights of an earlier training may have made."""
    if logged.is_validated or not logged.history:
        return made
    gaps.append("The validation was broken off: the training log does not say that it came to its end.")
    stale = [case for case in made if case not in logged.predicted]
    if stale:
        gaps.append(
            "The training log does not say that these label maps were made after its last epoch, so that they were "
            f"left out: {shown_list(stale)}."
        )
    return {case: path for case, path in made.items() if case not in stale}


def _is_usable(case: str, path: Path, fold: Path) -> bool:
    return fault_of_case_name(case) is None and is_file_inside(path, fold)


def _pair(case: str, made: Path, folders: FoldFolders, ending: str) -> LabelPair | None:
    places = [(folders.preprocessed, "gt_segmentations"), (folders.raw, "labelsTr")]
    for root, name in places:
        if root is not None and (reference := root / name / f"{case}{ending}").is_file():
            return LabelPair(case, made, reference, _images_of(case, folders, ending))
    return None


def _images_of(case: str, folders: FoldFolders, ending: str) -> tuple[Path, ...]:
    """Return the file of each channel of a case; none where the raw data were not found."""
    if folders.raw is None:
        return ()
    images = folders.raw / "imagesTr"
    numbered = (images / f"{case}_{number:04d}{ending}" for number in range(_MOST_CHANNELS))
    return tuple(takewhile(lambda path: path.is_file(), numbered))


def _note_missing(made: Collection[str], cases: FoldCases, gaps: list[str]) -> None:
    """Compare the label maps with the split, which may have been changed since."""
    if cases.validation is None or cases.validation == cases.train:
        return
    trained_on = sorted(set(cases.train) & set(made))
    if trained_on:
        gaps.append(
            f"These validation cases were trained on, after splits_final.json: {shown_list(trained_on)}. Their "
            "numbers say nothing about new cases."
        )
    unknown = sorted(set(made) - set(cases.train) - set(cases.validation))
    if unknown:
        gaps.append(f"splits_final.json does not name these validation cases: {shown_list(unknown)}.")
    missing = sorted(set(cases.validation) - set(made))
    if missing:
        gaps.append(f"These validation cases of splits_final.json have no label map: {shown_list(missing)}.")


def _all_cases(folders: FoldFolders, ending: str) -> FoldCases:
    warning = (
        "The fold is all: nnU-Net trained on every case, and validated on the same ones. The numbers say nothing "
        "about new cases."
    )
    places = [(folders.preprocessed, "gt_segmentations"), (folders.raw, "labelsTr")]
    found = [
        [case for case, _ in label_files(root / name, ending)] for root, name in places if root is not None
    ]
    names = tuple(next((listed for listed in found if listed), ()))
    lacking = [] if names else ["No folder was found that names the cases which were trained on."]
    return FoldCases(names, names, [warning, *lacking])


def _split_of(splits: Any, number: str) -> dict[str, Any]:
    if not isinstance(splits, list):
        raise InputError("splits_final.json holds no list of folds.")
    if not (number.isascii() and number.isdigit()) or int(number[:6]) >= len(splits):
        raise InputError(
            f"splits_final.json has {len(splits)} folds, and no fold {number}; nnU-Net draws cases at random for it."
        )
    split = splits[int(number)]
    if not isinstance(split, dict) or not {"train", "val"} <= set(split):
        raise InputError(f'Fold {number} in splits_final.json has no "train" and "val".')
    return split


def _names(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise InputError("splits_final.json holds no lists of names.")
    faulty = [name for name in listed if fault_of_case_name(name) is not None]
    if faulty:
        raise InputError(f"These names of cases can't be names of files: {shown_list(faulty)}.")
    return tuple(listed)
