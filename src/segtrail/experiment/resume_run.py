"""Going on with an interrupted run, so that it ends with the bits of one that was never interrupted."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from segtrail.errors import ConditionsDiffer, InputError
from segtrail.experiment.disk_errors import told_of_disk
from segtrail.experiment.interrupted_run import InterruptedRun, read_interrupted
from segtrail.experiment.journal_events import reading_events
from segtrail.experiment.opened_run import OpenedRun, open_run
from segtrail.experiment.opening import origin_of
from segtrail.experiment.preparation import redactor_for
from segtrail.experiment.resume_conditions import Difference, describe_differences, find_differences
from segtrail.experiment.run_phases import FinishedRun, finish_run
from segtrail.experiment.train_stages import EarlierTraining
from segtrail.progress import Narrator
from segtrail.provenance.collect import collect_provenance
from segtrail.provenance.folder import FOLDER as PROVENANCE
from segtrail.provenance.folder import hash_provenance, remove_unknown_provenance, write_provenance
from segtrail.record.hashing import hash_file
from segtrail.record.history import roll_back_history
from segtrail.record.local_paths import remember_paths
from segtrail.record.run_folder import RunFolder, utc_now
from segtrail.record.seal import finish_seal, read_seal, remove_half_written
from segtrail.report.typeset import NO_TYPST, has_typst
from segtrail.report.wording import format_count
from segtrail.training.checkpoint import CheckpointFolder
from segtrail.version import __version__


def resume_run(
    folder: RunFolder,
    narrator: Narrator,
    data_root: Path | None = None,
    command: list[str] | None = None,
    *,
    allow_different: bool = False,
) -> FinishedRun:
    """Go on with a run where its last checkpoint stands; without one it begins anew in the same folder.

    Args:
        folder: The run folder.
        narrator: Hears of all that happens.
        data_root: Where its data lie now; None where they lay.
        command: The command line that goes on with it.
        allow_different: Whether to go on under other conditions than those it began with, and mark the run so.

    Returns:
        The finished run.

    Raises:
        InputError: The run is finished, another program works in it, or its folder is damaged.
        ConditionsDiffer: Its bits depend on something that is not as it was.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: The training had to stop; the run folder says why.
        Interrupted: The user stopped it again.
    """
    _refuse_sealed(folder)  # before it is held, since nothing is written into a sealed folder
    with folder.held(), ExitStack() as claims:
        _refuse_sealed(folder)
        interrupted = read_interrupted(folder, data_root)
        if interrupted.config.report.enabled and not has_typst():
            narrator.say(NO_TYPST)
        opened = open_run(interrupted.config, narrator, claims, folder.path)
        differences = find_differences(folder, opened)
        refuse_different(folder, differences, allow_different=allow_different)
        with told_of_disk(folder):
            _take_up(folder, interrupted, opened, differences, command or [])
        narrator.attach_log(folder.path / "train.log", redactor_for(interrupted.config))
        opening = _describe_resumption(folder, interrupted.earlier, differences)
        return finish_run(folder, opened, narrator, opening, interrupted.earlier)


def _refuse_sealed(folder: RunFolder) -> None:
    if read_seal(folder.path) is not None:
        finish_seal(folder)
        raise InputError(f"{folder.run_id} is finished; there is nothing to go on with.")


def refuse_different(folder: RunFolder, differences: list[Difference], *, allow_different: bool) -> None:
    """Refuse to go on with a run under other conditions, unless that is allowed."""
    if differences and not allow_different:
        parts = ", ".join(difference.sentence_part() for difference in differences)
        raise ConditionsDiffer(
            f"{folder.run_id} would not end with the same bits, because this is not as it was: {parts}. Bring it back, "
            "or go on all the same with --allow-different; the run is then marked so."
        )


def _take_up(
    folder: RunFolder,
    interrupted: InterruptedRun,
    opened: OpenedRun,
    differences: list[Difference],
    command: list[str],
) -> None:
    """Roll the folder back and write down that the run goes on."""
    config, earlier = interrupted.config, interrupted.earlier
    _roll_back(folder, earlier)
    remember_paths(folder.path, config.paths)
    redacted = redactor_for(config).redact_command(command)
    resumption = _describe_position(earlier, differences, redacted)
    origin = _keep_new_provenance(folder, opened)
    checkpoints = {path.name: hash_file(path) for path in sorted((folder.path / "checkpoints").glob("*.pt"))}
    folder.open_journal(config.project.operator).write_all(
        [("resumed", {**resumption, **origin, "sha256": checkpoints}), *reading_events(opened)]
    )
    _write_resumption(folder, {**resumption, **origin})


def _keep_new_provenance(folder: RunFolder, opened: OpenedRun) -> dict[str, Any]:
    """Write where the run comes from from now on, where that is not what it was; return it for the record."""
    first = folder.path / PROVENANCE
    if not first.is_dir():  # a run of an older version
        return {}
    remove_unknown_provenance(folder.path)
    known = [first, *sorted(first.glob("resumed_*"), key=lambda path: int(path.name.partition("_")[2]))]
    created = datetime.fromisoformat(folder.read_state()["created_utc"])
    files = collect_provenance(origin_of(folder, opened, created))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if hashes == hash_provenance(known[-1]):
        return {}
    new = first / f"resumed_{len(known)}"
    write_provenance(new, files)
    return {"provenance": {f"{new.name}/{name}": sha256 for name, sha256 in sorted(hashes.items())}}


def _roll_back(folder: RunFolder, earlier: EarlierTraining) -> None:
    """Take out of the folder what ``last.pt`` does not know."""
    last = earlier.last
    CheckpointFolder(folder.path / "checkpoints").roll_back(None if last is None else last["best_sha256"])
    roll_back_history(folder.path / "history.csv", 0 if last is None else int(last["history_rows"]))
    if last is None:
        for path in (folder.path / "checkpoints").rglob("*.pt"):
            path.unlink()
    remove_half_written(folder.path)


def _describe_position(
    earlier: EarlierTraining, differences: list[Difference], command: str
) -> dict[str, Any]:
    return {
        "resumed_utc": utc_now(),
        "segtrail_version": __version__,
        "start_command": command,
        **_position(earlier.last),
        "differences": [asdict(difference) for difference in differences],
    }


def _write_resumption(folder: RunFolder, entry: dict[str, Any]) -> None:
    resumed = [*folder.read_state().get("resumed", []), entry]
    folder.write_state(status="running", ended_utc=None, ended_because=None, resumed=resumed)


def _position(last: Mapping[str, Any] | None) -> dict[str, Any]:
    if last is None:
        return {"stage": None, "epoch": 0, "steps": 0}
    return {
        "stage": str(last["stage"]),
        "epoch": int(last["epoch"]),
        "steps": int(last["steps_done_since_epoch"]),
    }


def _describe_resumption(
    folder: RunFolder, earlier: EarlierTraining, differences: list[Difference]
) -> list[str]:
    where = _position(earlier.last)
    if where["stage"] is None:
        start = f"Run {folder.run_id} begins anew: it has no checkpoint yet."
    else:
        steps = f" and {format_count(where['steps'], 'step')} of the next" if where["steps"] else ""
        start = f"Run {folder.run_id} goes on in {where['stage']}, after epoch {where['epoch']}{steps}."
    return [start, *describe_differences(differences)]
