"""Training a finished run for more epochs, as a new run that names it."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from segtrail.atomic import write_bytes
from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.experiment.interrupted_run import read_interrupted
from segtrail.experiment.opened_run import open_run
from segtrail.experiment.opening import Parent, describe_start, opened_folder
from segtrail.experiment.recorded_config import read_recorded_config
from segtrail.experiment.resume_conditions import (
    describe_differences,
    differences_on_record,
    find_differences,
)
from segtrail.experiment.resume_run import refuse_different
from segtrail.experiment.run_phases import FinishedRun, finish_run
from segtrail.progress import Narrator
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import read_journal
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import as_written, fingerprint
from segtrail.record.run_folder import RunFolder
from segtrail.report.typeset import NO_TYPST, has_typst


def extend_run(
    parent: RunFolder,
    changes: Sequence[str],
    narrator: Narrator,
    data_root: Path | None = None,
    command: list[str] | None = None,
    *,
    allow_different: bool = False,
) -> FinishedRun:
    """Go on training the last network of a finished run, in a new run folder.

    Args:
        parent: The finished run; it is not touched.
        changes: ``train.max_epochs=N``, or that of the last stage, with more epochs than it has.
        narrator: Hears of all that happens.
        data_root: Where its data lie now; None where they lay.
        command: The command line.
        allow_different: Whether to go on under other conditions than those of the parent.

    Returns:
        The new run.

    Raises:
        InputError: The parent is not finished, something else is to be changed, or conditions differ.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: The training had to stop; the new run folder says why.
        Interrupted: The user stopped it; `segtrail resume` goes on with the new run.
    """
    earlier = read_interrupted(parent, data_root).earlier
    config = read_recorded_config(parent.path, parent.path.parent.parent, data_root, list(changes))
    if parent.read_state().get("status") != "finished" or earlier.last is None:
        raise InputError(f"{parent.run_id} is not finished; without {', '.join(changes)} it is gone on with.")
    stage, done = str(earlier.last["stage"]), int(earlier.last["epoch"])
    _refuse_other_changes(config, changes, stage, done)
    if config.report.enabled and not has_typst():
        narrator.say(NO_TYPST)
    known = fingerprint(parent.path) if (parent.path / MANIFEST).is_file() else None
    with ExitStack() as claims:
        opened = open_run(config, narrator, claims)
        differences = find_differences(parent, opened)
        refuse_different(parent, differences, allow_different=allow_different)
        earlier_differences = differences_on_record(read_journal(parent.path / JOURNAL))
        marks = (*earlier_differences, *(asdict(one) for one in differences))
        origin = Parent(parent.run_id, known, stage, done, marks)
        with opened_folder(
            opened, narrator, "", command or [], origin, lambda path: _take_over(parent.path, path)
        ) as folder:
            start = f"It goes on from epoch {done} of {stage} of {parent.run_id}."
            opening = [*describe_start(folder, opened), start, *describe_differences(differences)]
            return finish_run(folder, opened, narrator, opening, earlier)


def _refuse_other_changes(config: Config, changes: Sequence[str], stage: str, done: int) -> None:
    key = f"stages.{stage}.train.max_epochs" if config.stages else "train.max_epochs"
    others = [change for change in changes if change.partition("=")[0].strip() != key]
    if others:
        raise InputError(
            f"A finished run can be trained for more epochs, with {key}=N, and nothing else of it can be changed: "
            f"{', '.join(others)}. Train a new run."
        )
    wanted = config.stage_configs()[stage].train.max_epochs
    if wanted <= done:
        raise InputError(f"{key} is {wanted}, but the run has {done} epochs already. Give more.")


def _take_over(parent: Path, run: Path) -> None:
    """Copy what training goes on from; the rights of a sealed file are not copied."""
    write_bytes(run / "history.csv", as_written(parent / "history.csv"))
    for path in (parent / "checkpoints").rglob("*.pt"):
        target = run / path.relative_to(parent)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
