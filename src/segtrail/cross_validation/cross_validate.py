"""Cross-validation: one ordinary run for each fold, gone on with where it was stopped, and all cases pooled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.config.schema import Config
from segtrail.cross_validation.cross_validation_result import CrossValidationResult, pool_results
from segtrail.dataset.folds import divide_into_folds, refuse_unfit_request
from segtrail.experiment.checking import refuse_unsound
from segtrail.progress import Narrator
from segtrail.record.cross_validation import CrossValidationFolder, CrossValidationRecord, FoldEntry
from segtrail.record.run_folder import RunFolder
from segtrail.report.wording import format_count
from segtrail.run_series.series_work import SeriesWork
from segtrail.run_series.train_series import (
    begun,
    opening_facts,
    read_data,
    taken_up,
    train_what_is_missing,
    write_opening,
)


class Folds:
    """The runs of a cross-validation."""

    plural = "folds"

    def name(self, record: CrossValidationRecord, entry: FoldEntry) -> str:
        """Return what a fold is called, with its place."""
        return f"Fold {entry.fold} of {record.n_folds}"

    def describe(self, entry: FoldEntry) -> str:
        """Say how many cases train and validate."""
        return f"{format_count(len(entry.train), 'case')} train, {len(entry.val)} validate"

    def configure(self, config: Config, entry: FoldEntry) -> Config:
        """Name the cases of a fold; those of the test take no part, so that they are not looked at once per fold."""
        named = {"train": entry.train, "val": entry.val, "test": ()}
        return config.model_copy(update={"split": config.split.model_copy(update=named)})

    def is_its_run(self, entry: FoldEntry, rows: list[dict[str, str]], run_dir: Path) -> str | None:
        """Compare the cases that a run measured with those of the fold."""
        if {row["case"] for row in rows} != set(entry.val):
            return f"The run {run_dir.name} measured other cases than those of the fold."
        return None


def cross_validate(
    config: Config,
    n_folds: int,
    narrator: Narrator,
    note: str,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> CrossValidationResult:
    """Divide the cases into folds, train a run for each, and pool the results.

    Args:
        config: The configuration; its section ``split`` says which cases are divided.
        n_folds: How many folds.
        narrator: Hears of all that happens.
        note: A remark for the record.
        command: The command line that begins it.
        on_sealed: Is given the run of each fold when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: Configuration, data or machine can't be worked with. Where no fold was trained, no folder is left.
        CheckFailed: The data did not pass their checks; the same holds.
        TrainingFailed: A training had to stop. The message says how to go on.
        Interrupted: The user stopped it. The message says how to go on.
    """
    refuse_unfit_request(config.split, n_folds)
    data = read_data(config, narrator)
    refuse_unsound(data, "trained on")
    folds = divide_into_folds(data.usable, config.split, n_folds, data.left_out)
    facts = opening_facts(config, data, note, command)
    folder = CrossValidationFolder.create(Path(config.paths.output_root).expanduser())
    with begun(folder):
        record = CrossValidationRecord(
            cv_id=folder.series_id,
            split_seed=config.split.seed,
            n_folds=len(folds),
            folds=[FoldEntry(fold=fold.number, val=fold.val, train=fold.train) for fold in folds],
            **facts,
        )
        write_opening(folder, record, config)
        _say_start(folder, record, data.description.name, narrator)
        return _train(SeriesWork(folder, record, Folds(), config, command, narrator, on_sealed))


def resume_cross_validation(
    folder: CrossValidationFolder,
    data_root: Path | None,
    narrator: Narrator,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> CrossValidationResult:
    """Go on with a cross-validation: folds that are done are kept, the run in hand goes on, all others are trained.

    Args:
        folder: Its folder.
        data_root: Where its data lie now; None where they lay.
        narrator: Hears of all that happens.
        command: The command line that goes on with it.
        on_sealed: Is given the run of each fold when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: The record or the data can't be worked with, or the data are others than they were.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: A training had to stop.
        Interrupted: The user stopped it. The message of whatever stops it says how to go on.
    """
    with taken_up(folder, Folds(), data_root, narrator, command, on_sealed) as work:
        return _train(work)


def _train(work: SeriesWork) -> CrossValidationResult:
    folder: Any = work.folder
    record: Any = work.record
    result = train_what_is_missing(work, lambda: pool_results(folder, record, work.config))
    work.narrator.say(f"Cross-validation: {folder.path}")
    return result


def _say_start(
    folder: CrossValidationFolder, record: CrossValidationRecord, dataset: str, narrator: Narrator
) -> None:
    sizes = ", ".join(str(len(fold.val)) for fold in record.folds)
    n_cases = sum(len(fold.val) for fold in record.folds)
    narrator.say(
        f"Cross-validation {folder.series_id}: {format_count(n_cases, 'case')} of {dataset} in "
        f"{record.n_folds} folds of {sizes}."
    )
