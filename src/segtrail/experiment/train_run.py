"""One training run from configuration to report, readable like the runbook."""

import sys
from collections.abc import Callable
from contextlib import ExitStack

from segtrail.config.schema import Config
from segtrail.experiment.opened_run import open_run
from segtrail.experiment.opening import describe_start, opened_folder
from segtrail.experiment.run_phases import FinishedRun, finish_run
from segtrail.progress import Narrator
from segtrail.record.run_folder import RunFolder
from segtrail.report.typeset import NO_TYPST, has_typst


def train_run(
    config: Config,
    narrator: Narrator,
    note: str = "",
    command: list[str] | None = None,
    on_opened: Callable[[RunFolder], None] = lambda _: None,
) -> FinishedRun:
    """Check, split, preprocess, train, evaluate, report, seal.

    Args:
        config: The configuration.
        narrator: Hears of all that happens.
        note: A remark for the record.
        command: The command line that started the run.
        on_opened: Hears of the run folder before training begins.

    Returns:
        The finished run.

    Raises:
        InputError: Configuration, data or machine can't be worked with; no run folder is left.
        CheckFailed: The data did not pass their checks; no run folder is left.
        TrainingFailed: The training had to stop; the run folder says why.
        Interrupted: The user stopped it; the run folder is marked interrupted.
    """
    if config.report.enabled and not has_typst():
        narrator.say(NO_TYPST)
    with ExitStack() as claims:
        opened = open_run(config, narrator, claims)
        with opened_folder(opened, narrator, note, command or sys.argv) as folder:
            on_opened(folder)
            return finish_run(folder, opened, narrator, describe_start(folder, opened))
