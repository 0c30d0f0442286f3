"""Reading what a command left, with the adapter that was asked for."""

import os
from dataclasses import replace
from pathlib import Path

from segtrail.dataset.classes import read_labels
from segtrail.dataset.description import read_description
from segtrail.dataset.description_file import read_description_file
from segtrail.errors import InputError
from segtrail.record.run_folder import RunFolder
from segtrail.recording.foreign_training import ForeignTraining
from segtrail.recording.measure import find_label_values
from segtrail.recording.opening import Setting
from segtrail.recording.outputs import FOLDER as OUTPUTS
from segtrail.recording.plain_outputs import read_plain_outputs
from segtrail.recording.request import RecordRequest

_DESCRIPTION = "dataset.json"


def read_training(folder: RunFolder, request: RecordRequest, setting: Setting) -> ForeignTraining:
    """Read history, configuration, weights and label maps of a training.

    Args:
        folder: The run folder, with the outputs in it.
        request: What is to be kept.
        setting: What the command was run with.

    Returns:
        The training; its classes are named.

    Raises:
        InputError: The outputs are not those that the adapter or the options expect.
    """
    if request.adapter == "nnunet":
        training = _read_nnunet(request)
    else:
        outputs = folder.path / OUTPUTS
        training = read_plain_outputs(setting.name, outputs, request.predictions, request.references)
    return _with_images(_with_classes(training, request.data_root), request.data_root)


def _with_images(training: ForeignTraining, data_root: Path | None) -> ForeignTraining:
    """Find the images of measured cases in a data set in the decathlon's form."""
    if data_root is None or all(pair.images for pair in training.validation):
        return training
    try:
        cases = {case.case: case for case in read_description(data_root, _DESCRIPTION).cases}
    except InputError:
        return training
    pairs = [
        replace(pair, images=tuple(cases[pair.case].image_paths(data_root))) if pair.case in cases else pair
        for pair in training.validation
    ]
    return replace(training, validation=pairs)


def _names_of(data_root: Path) -> dict[int, str]:
    """Read the names of classes from a data set's description, where it has one in the decathlon's form."""
    try:
        _, content = read_description_file(data_root, _DESCRIPTION)
        return read_labels(content, _DESCRIPTION)
    except InputError:
        return {}


def _read_nnunet(request: RecordRequest) -> ForeignTraining:
    from segtrail.recording.nnunet import find_results, read_nnunet

    results = request.results or find_results(request.command, os.environ)
    if results is None:
        raise InputError(
            "Where nnU-Net's results lie is not seen from the command. Name the folder with --results."
        )
    return read_nnunet(results, command=request.command)


def _with_classes(training: ForeignTraining, data_root: Path | None) -> ForeignTraining:
    if training.classes or not training.validation:
        return training
    named = {} if data_root is None else _names_of(data_root)
    values = find_label_values(training.validation)
    return replace(training, classes={named.get(value, f"label {value}"): (value,) for value in values})
