"""Reading a training of nnU-Net: its results folder, and the data that belong to it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segtrail.errors import InputError
from segtrail.recording.foreign_training import ForeignTraining, LabelPair
from segtrail.recording.nnunet.cases import FoldCases, find_label_maps, read_cases
from segtrail.recording.nnunet.command_line import find_version, validates_best
from segtrail.recording.nnunet.configuration import (
    describe_configuration,
    find_kept,
    holding_machine_paths,
    is_small_fingerprint,
    network_of,
    used_configuration,
)
from segtrail.recording.nnunet.folders import FoldFolders, find_fold, find_folders
from segtrail.recording.nnunet.history import TrainingHistory, read_history
from segtrail.recording.nnunet.json_file import read_mapping
from segtrail.recording.nnunet.labels import Classes, read_classes
from segtrail.recording.nnunet.log import LoggedTraining, find_logs, read_logs
from segtrail.recording.nnunet.summary import compare_cases, read_summary

_PLANS, _DATASET, _FINGERPRINT, _DEBUG = (
    "plans.json",
    "dataset.json",
    "dataset_fingerprint.json",
    "debug.json",
)
_WITHOUT = {
    _PLANS: "The network and the plans are not known.",
    _DATASET: "The classes are not known, so that nothing can be measured.",
    _DEBUG: "How many epochs were planned is not known.",
}


@dataclass
class _Reading:
    """The parts of a training as they are read, and what could not be."""

    folders: FoldFolders
    json: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def said(self, name: str) -> Mapping[str, Any]:
        """Return what a JSON file says; nothing where it could not be read."""
        return self.json.get(name, {})


def read_nnunet(
    results: Path,
    raw: Path | None = None,
    preprocessed: Path | None = None,
    *,
    command: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> ForeignTraining:
    """Read a training of nnU-Net's second version.

    Args:
        results: The folder of a fold, or one above it that has no other fold.
        raw: ``nnUNet_raw``, or the data set's folder in it.
        preprocessed: ``nnUNet_preprocessed``, or the data set's folder in it.
        command: The command that trained, where it is known: it alone tells which checkpoint made the label maps.
        environment: Its environment variables; those of this process where it is None.

    Returns:
        The training. What is missing, damaged or in doubt is said in its gaps.

    Raises:
        InputError: No fold, or more than one, is meant; or a folder that was given is not there.
    """
    variables = os.environ if environment is None else environment
    given = {"nnUNet_raw": raw, "nnUNet_preprocessed": preprocessed}
    fold = find_fold(results)
    try:
        reading = _Reading(find_folders(fold, given, variables))
        _read_json_files(reading)
        return _put_together(reading, command, find_version(command, variables))
    except OSError as error:
        raise InputError(f"{results} can't be read: {error.strerror}.") from None


def _put_together(reading: _Reading, command: Sequence[str], version: str | None) -> ForeignTraining:
    folders = reading.folders
    logged = _read_logs(reading)
    classes = _read_classes(reading)
    cases, pairs = _read_validation(reading, logged)
    own_dice = _read_own_dice(reading, classes, pairs, logged)
    history = read_history(
        folders.fold, logged, with_best=validates_best(command), has_label_maps=bool(pairs)
    )
    reading.gaps.extend(history.gaps)
    planned_epochs = _planned_epochs(reading, history)
    kept = find_kept(folders)
    return ForeignTraining(
        program=f"nnU-Net {version}" if version else "nnU-Net v2",
        network=network_of(used_configuration(reading.said(_PLANS), folders.named.configuration)),
        data_set=folders.data_set,
        classes=classes.values,
        ignored_label=classes.ignored,
        planned_epochs=planned_epochs,
        history=history.epochs,
        best_epoch=history.best_epoch,
        chosen_how=history.chosen_how,
        configuration=describe_configuration(folders, reading.json),
        best_checkpoint=history.weights,
        train_cases=cases.train,
        validation=pairs,
        own_dice=own_dice,
        kept=kept,
        with_machine_paths=holding_machine_paths(kept),
        gaps=tuple(reading.gaps),
    )


def _read_json_files(reading: _Reading) -> None:
    folders = reading.folders
    places = {_PLANS: folders.trainer, _DATASET: folders.trainer, _DEBUG: folders.fold}
    if is_small_fingerprint(folders):
        places[_FINGERPRINT] = folders.trainer
    for name, folder in places.items():
        try:
            reading.json[name] = read_mapping(folder / name, folder)
        except InputError as error:
            reading.gaps.append(f"{error} {_WITHOUT.get(name, '')}".strip())
    named = folders.named.configuration
    if named is None:
        reading.gaps.append(
            f"The folder {folders.trainer.name} is not named TRAINER__PLANS__CONFIGURATION, so that it is not known "
            "which configuration of the plans was trained."
        )
    elif _PLANS in reading.json and not used_configuration(reading.json[_PLANS], named):
        reading.gaps.append(f"plans.json has no configuration {named} that could be read.")


def _read_logs(reading: _Reading) -> LoggedTraining:
    logs = find_logs(reading.folders.fold)
    if not logs:
        reading.gaps.append(f"{reading.folders.fold.name} has no training log.")
    logged = read_logs(logs)
    reading.gaps.extend(logged.gaps)
    return logged


def _read_classes(reading: _Reading) -> Classes:
    if _DATASET in reading.json:
        try:
            return read_classes(reading.said(_DATASET))
        except InputError as error:
            reading.gaps.append(f"{error} {_WITHOUT[_DATASET]}")
    return Classes({}, None)


def _read_validation(reading: _Reading, logged: LoggedTraining) -> tuple[FoldCases, Sequence[LabelPair]]:
    ending = str(reading.said(_DATASET).get("file_ending", ".nii.gz"))
    cases = read_cases(reading.folders, ending, logged)
    maps = find_label_maps(reading.folders, ending, cases, logged)
    reading.gaps.extend([*cases.gaps, *maps.gaps])
    return cases, maps.pairs


def _read_own_dice(
    reading: _Reading, classes: Classes, pairs: Sequence[LabelPair], logged: LoggedTraining
) -> Mapping[str, Mapping[str, float | None]]:
    """Read what nnU-Net measured itself, where its validation came to its end."""
    if not pairs or not classes.values or not (logged.is_validated or not logged.history):
        return {}
    try:
        summary = read_summary(reading.folders.fold, classes.values)
    except InputError as error:
        reading.gaps.append(f"{error} What nnU-Net measured itself is not known.")
        return {}
    reading.gaps.extend(compare_cases(summary, [pair.case for pair in pairs]))
    return summary


def _planned_epochs(reading: _Reading, history: TrainingHistory) -> int | None:
    told = str(reading.said(_DEBUG).get("num_epochs", ""))
    if not (told.isascii() and told.isdigit() and len(told) < 8):
        return None
    planned, done = int(told), len(history.epochs)
    if done < planned:
        reading.gaps.append(f"The training has {done} whole epochs of {planned} that were planned.")
    return planned
