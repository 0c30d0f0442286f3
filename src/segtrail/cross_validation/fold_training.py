"""Training the run of one fold of a cross-validation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segtrail.config.schema import Config
from segtrail.cross_validation.earlier_folds import fault_of_finished_fold
from segtrail.errors import ConditionsDiffer, InputError
from segtrail.experiment.interrupted_run import read_interrupted
from segtrail.experiment.resume_run import resume_run
from segtrail.experiment.train_run import train_run
from segtrail.progress import Narrator
from segtrail.record.cross_validation import CrossValidationFolder, CrossValidationRecord, FoldEntry
from segtrail.record.run_folder import RunFolder, read_json
from segtrail.record.seal import finish_seal, read_seal
from segtrail.report.wording import format_count, format_duration


@dataclass(frozen=True)
class CrossValidationWork:
    """A cross-validation in hand; its record changes, and is written after each change.

    Attributes:
        folder: Its folder.
        record: Its record.
        config: Its configuration.
        command: The command line that trains its folds.
        narrator: Hears of all that happens.
        on_sealed: Is given the run of each fold when that is sealed.
    """

    folder: CrossValidationFolder
    record: CrossValidationRecord
    config: Config
    command: list[str]
    narrator: Narrator
    on_sealed: Callable[[RunFolder], None]


def train_fold(work: CrossValidationWork, fold: FoldEntry) -> None:
    """Train the run of a fold, or go on with it; what is said meanwhile comes to the log of that run.

    Args:
        work: The cross-validation in hand.
        fold: The fold; its entry is kept up to date.

    Raises:
        InputError: The data are others than when the cross-validation began.
        SegtrailError: The training had to stop.
    """
    folder, record, narrator = work.folder, work.record, work.narrator
    fold.status, fold.seconds, fold.error = "running", None, None
    folder.write_record(record)
    name = f"Fold {fold.fold} of {record.n_folds}"
    narrator.say(f"{name}: {format_count(len(fold.train), 'case')} train, {len(fold.val)} validate.")
    try:
        run = _go_on_with_run(work, fold) or _train_new_run(work, fold, name.lower())
        fold.seconds = round(sum(run.read_state()["seconds"].values()), 3)
        _refuse_other_data(record, run)
        work.on_sealed(run)
        fold.status = "finished"
        folder.write_record(record)
        narrator.say(f"{name} is done, in {format_duration(fold.seconds)}.")
    finally:
        narrator.detach_log()


def _go_on_with_run(work: CrossValidationWork, fold: FoldEntry) -> RunFolder | None:
    """Go on with the run of a fold that was stopped; None where there is none that can end with the same bits."""
    if fold.run_id is None:
        return None
    run = RunFolder(work.folder.output_root / "runs" / fold.run_id)
    data_root = Path(work.config.paths.data_root)
    try:
        if read_seal(run.path) is not None:  # killed between the end of the run and its note here
            finish_seal(run)
            return run if fault_of_finished_fold(work.folder, work.record, fold) is None else None
        read_interrupted(run, data_root)
    except InputError as damage:
        _say_anew(work, fold, damage)
        return None
    try:
        return resume_run(run, work.narrator, data_root, work.command).folder
    except ConditionsDiffer as differences:
        _say_anew(work, fold, differences)
        return None


def _say_anew(work: CrossValidationWork, fold: FoldEntry, because: InputError) -> None:
    work.narrator.say(f"Fold {fold.fold} is trained anew, since its run can't be gone on with: {because}")


def _train_new_run(work: CrossValidationWork, fold: FoldEntry, name: str) -> RunFolder:
    folder, record = work.folder, work.record
    note = f"{name} of {folder.cv_id}" + (f": {record.note}" if record.note else "")

    def note_run(run: RunFolder) -> None:
        fold.run_id = run.run_id
        folder.write_record(record)

    fold.run_id = None
    return train_run(_fold_config(work.config, fold), work.narrator, note, work.command, note_run).folder


def _refuse_other_data(record: CrossValidationRecord, run: RunFolder) -> None:
    if read_json(run.path / "dataset_summary.json")["fingerprint"] != record.dataset_fingerprint:
        raise InputError(
            f"The data changed while {record.cv_id} was trained: those of {run.run_id} are others than at its begin. "
            "Bring back the files as they were, or begin anew."
        )


def _fold_config(config: Config, fold: FoldEntry) -> Config:
    """Name the cases of a fold; those of the test take no part, so that they are not looked at once per fold."""
    named = {"train": fold.train, "val": fold.val, "test": ()}
    return config.model_copy(update={"split": config.split.model_copy(update=named)})
