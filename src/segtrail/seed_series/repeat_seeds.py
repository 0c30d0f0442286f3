"""Training the same with several seeds: one ordinary run for each, and what they have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.experiment.checking import refuse_unsound
from segtrail.progress import Narrator
from segtrail.record.run_folder import RunFolder, read_json
from segtrail.record.seeds import SeedEntry, SeedsFolder, SeedsRecord
from segtrail.run_series.series_work import SeriesWork
from segtrail.run_series.train_series import (
    begun,
    opening_facts,
    read_data,
    taken_up,
    train_what_is_missing,
    write_opening,
)
from segtrail.seed_series.seeds_result import SeedsResult, put_together

# More would be a mistake in the command.
MOST_SEEDS = 100


class Seeds:
    """The runs of a series of seeds."""

    plural = "seeds"

    def name(self, record: SeedsRecord, entry: SeedEntry) -> str:
        """Return what a seed is called, with its place."""
        place = record.seeds.index(entry) + 1
        return f"Seed {entry.seed} ({place} of {len(record.seeds)})"

    def describe(self, entry: SeedEntry) -> str:
        """Say what its run changes."""
        return f"the same configuration with train.seed={entry.seed}"

    def configure(self, config: Config, entry: SeedEntry) -> Config:
        """Change the seed of the training; the split stays."""
        return with_seed(config, entry.seed)

    def is_its_run(self, entry: SeedEntry, rows: list[dict[str, str]], run_dir: Path) -> str | None:
        """Compare the seed that a run recorded."""
        seed = read_json(run_dir / "metrics_summary.json")["bootstrap"]["seed"]
        return (
            None if rows and seed == entry.seed else f"The run {run_dir.name} was trained with another seed."
        )


def with_seed(config: Config, seed: int) -> Config:
    """Return a configuration with another ``train.seed``, in every stage."""

    def changed(section: Any) -> Any:
        return section.model_copy(update={"train": section.train.model_copy(update={"seed": seed})})

    stages = {name: changed(stage) for name, stage in config.stages.items()}
    copy: Config = changed(config).model_copy(update={"stages": stages})
    return copy


def repeat_with_seeds(
    config: Config,
    n_seeds: int,
    narrator: Narrator,
    note: str,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> SeedsResult:
    """Train a run for each seed, and put the results together.

    Args:
        config: The configuration.
        n_seeds: How many seeds, counted up from ``train.seed``.
        narrator: Hears of all that happens.
        note: A remark for the record.
        command: The command line that begins it.
        on_sealed: Is given each run when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: Configuration, data or machine can't be worked with. Where no run was trained, no folder is left.
        CheckFailed: The data did not pass their checks; the same holds.
        TrainingFailed: A training had to stop. The message says how to go on.
        Interrupted: The user stopped it. The message says how to go on.
    """
    _refuse_unfit(n_seeds)
    seeds = range(config.train.seed, config.train.seed + n_seeds)
    data = read_data(config, narrator)
    refuse_unsound(data, "trained on")
    facts = opening_facts(config, data, note, command)
    folder = SeedsFolder.create(Path(config.paths.output_root).expanduser())
    with begun(folder):
        entries = [SeedEntry(seed=seed) for seed in seeds]
        record = SeedsRecord(seeds_id=folder.series_id, seeds=entries, **facts)
        write_opening(folder, record, config)
        named = ", ".join(map(str, seeds))
        narrator.say(f"Seeds {folder.series_id}: {data.description.name}, trained with the seeds {named}.")
        return _train(SeriesWork(folder, record, Seeds(), config, command, narrator, on_sealed))


def resume_seeds(
    folder: SeedsFolder,
    data_root: Path | None,
    narrator: Narrator,
    command: list[str],
    on_sealed: Callable[[RunFolder], None] = lambda _: None,
) -> SeedsResult:
    """Go on with a series of seeds: runs that are done are kept, the one in hand goes on, all others are trained.

    Args:
        folder: Its folder.
        data_root: Where its data lie now; None where they lay.
        narrator: Hears of all that happens.
        command: The command line that goes on with it.
        on_sealed: Is given each run when that is sealed, to sign it.

    Returns:
        The result.

    Raises:
        InputError: The record or the data can't be worked with, or the data are others than they were.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: A training had to stop.
        Interrupted: The user stopped it. The message of whatever stops it says how to go on.
    """
    with taken_up(folder, Seeds(), data_root, narrator, command, on_sealed) as work:
        return _train(work)


def _train(work: SeriesWork) -> SeedsResult:
    folder: Any = work.folder
    record: Any = work.record
    result = train_what_is_missing(work, lambda: put_together(folder, record))
    work.narrator.say(f"Seeds: {folder.path}")
    return result


def _refuse_unfit(n_seeds: int) -> None:
    if not 2 <= n_seeds <= MOST_SEEDS:
        raise InputError(
            f"{n_seeds} seeds are asked for; between 2 and {MOST_SEEDS} tell how much is chance."
        )
