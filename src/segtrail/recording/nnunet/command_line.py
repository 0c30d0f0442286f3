"""What a command line of ``nnUNetv2_train`` says of where its results go."""

import argparse
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import NoReturn

from segtrail.dataset.names import fault_of_case_name

_PROGRAM = "nnUNetv2_train"
_MODULE = "nnunetv2.run.run_training"


class _NotUnderstood(Exception):
    """A command line that nnU-Net would refuse."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _NotUnderstood(message)


def find_results(command: Sequence[str], environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the fold that a command trains, whether it is there yet or not.

    Args:
        command: The command with its arguments, as ``nnUNetv2_train 4 3d_fullres 0``.
        environment: Its environment variables; nnU-Net's folders are named there.

    Returns:
        The folder; None where the command is not nnU-Net's training, or the data set is in none of its folders.
    """
    arguments = _parse(command)
    if arguments is None or not environment.get("nnUNet_results"):
        return None
    data_set = _data_set(arguments.dataset_name_or_id, environment)
    trainer = f"{arguments.tr}__{arguments.p}__{arguments.configuration}"
    fold = f"fold_{arguments.fold}"
    if data_set is None or any(fault_of_case_name(name) is not None for name in (trainer, fold)):
        return None
    return Path(environment["nnUNet_results"]).absolute() / data_set / trainer / fold


def validates_best(command: Sequence[str]) -> bool | None:
    """Tell whether a command has ``checkpoint_best.pth`` make the label maps; None for another program's."""
    arguments = _parse(command)
    return None if arguments is None else bool(arguments.val_best)


def find_version(command: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the version of nnU-Net that lies beside the program of a command; None where none does."""
    program = shutil.which(command[0], path=environment.get("PATH")) if command else None
    if program is None:
        return None
    # A virtual environment's python is a link: where it leads to lies no nnU-Net.
    prefix = Path(os.path.abspath(program)).parent.parent  # noqa: PTH100
    patterns = ("lib/python3*/site-packages/nnunetv2-*.dist-info", "Lib/site-packages/nnunetv2-*.dist-info")
    found = [path for pattern in patterns for path in prefix.glob(pattern)]
    return found[0].name.removeprefix("nnunetv2-").removesuffix(".dist-info") if found else None


def _parse(command: Sequence[str]) -> argparse.Namespace | None:
    """Parse the arguments as nnU-Net does, abbreviations included; None for another program."""
    start = _start_of_arguments(command)
    if start is None:
        return None
    parser = _Parser(add_help=False)
    for name in ("dataset_name_or_id", "configuration", "fold"):
        parser.add_argument(name)
    parser.add_argument("-tr", default="nnUNetTrainer")
    parser.add_argument("-p", default="nnUNetPlans")
    for name in ("-pretrained_weights", "-num_gpus", "-device"):
        parser.add_argument(name)
    for name in ("--npz", "--c", "--val", "--val_best", "--disable_checkpointing"):
        parser.add_argument(name, action="store_true")
    try:
        return parser.parse_known_args(list(command[start:]))[0]
    except _NotUnderstood:
        return None


def _start_of_arguments(command: Sequence[str]) -> int | None:
    for place, word in enumerate(command):
        name = PurePath(word.replace("\\", "/")).name
        is_module = word == _MODULE and place > 0 and command[place - 1] == "-m"
        if name in (_PROGRAM, f"{_PROGRAM}.exe") or is_module:
            return place + 1
    return None


def _data_set(name_or_number: str, environment: Mapping[str, str]) -> str | None:
    if name_or_number.startswith("Dataset"):
        return name_or_number if fault_of_case_name(name_or_number) is None else None
    if not (name_or_number.isascii() and name_or_number.isdigit() and len(name_or_number) < 6):
        return None
    pattern = f"Dataset{int(name_or_number):03d}_*"
    places = [environment.get(name) for name in ("nnUNet_preprocessed", "nnUNet_raw", "nnUNet_results")]
    names = {path.name for place in places if place for path in Path(place).glob(pattern) if path.is_dir()}
    return next(iter(names)) if len(names) == 1 else None
