"""Training one run of a series."""

from pathlib import Path

from segtrail.errors import ConditionsDiffer, InputError
from segtrail.experiment.interrupted_run import read_interrupted
from segtrail.experiment.resume_run import resume_run
from segtrail.experiment.train_run import train_run
from segtrail.record.run_folder import RunFolder, read_json
from segtrail.record.run_series import SeriesEntry
from segtrail.record.seal import finish_seal, read_seal
from segtrail.report.wording import format_duration
from segtrail.run_series.earlier_runs import fault_of_finished_run
from segtrail.run_series.series_work import SeriesWork


def train_entry(work: SeriesWork, entry: SeriesEntry) -> None:
    """Train the run of an entry, or go on with it; what is said meanwhile comes to the log of that run.

    Args:
        work: The series in hand.
        entry: The entry; it is kept up to date.

    Raises:
        InputError: The data are others than when the series began.
        SegtrailError: The training had to stop.
    """
    folder, record, narrator = work.folder, work.record, work.narrator
    entry.status, entry.seconds, entry.error = "running", None, None
    folder.write_record(record)
    name = work.name(entry)
    narrator.say(f"{name}: {work.kind.describe(entry)}.")
    try:
        run = _go_on_with_run(work, entry) or _train_new_run(work, entry)
        entry.seconds = round(sum(run.read_state()["seconds"].values()), 3)
        _refuse_other_data(work, run)
        work.on_sealed(run)
        entry.status = "finished"
        folder.write_record(record)
        narrator.say(f"{name} is done, in {format_duration(entry.seconds)}.")
    finally:
        narrator.detach_log()


def _go_on_with_run(work: SeriesWork, entry: SeriesEntry) -> RunFolder | None:
    """Go on with the run of an entry that was stopped; None where there is none that can end with the same bits."""
    if entry.run_id is None:
        return None
    run = RunFolder(work.folder.output_root / "runs" / entry.run_id)
    data_root = Path(work.config.paths.data_root)
    try:
        if read_seal(run.path) is not None:  # killed between the end of the run and its note here
            finish_seal(run)
            return run if fault_of_finished_run(work, entry) is None else None
        read_interrupted(run, data_root)
    except InputError as damage:
        _say_anew(work, entry, damage)
        return None
    try:
        return resume_run(run, work.narrator, data_root, work.command).folder
    except ConditionsDiffer as differences:
        _say_anew(work, entry, differences)
        return None


def _say_anew(work: SeriesWork, entry: SeriesEntry, because: InputError) -> None:
    work.narrator.say(f"{work.name(entry)} is trained anew, since its run can't be gone on with: {because}")


def _train_new_run(work: SeriesWork, entry: SeriesEntry) -> RunFolder:
    folder, record = work.folder, work.record
    name = work.name(entry)
    note = f"{name[:1].lower()}{name[1:]} of {folder.series_id}" + (f": {record.note}" if record.note else "")

    def note_run(run: RunFolder) -> None:
        entry.run_id = run.run_id
        folder.write_record(record)

    entry.run_id = None
    config = work.kind.configure(work.config, entry)
    return train_run(config, work.narrator, note, work.command, note_run).folder


def _refuse_other_data(work: SeriesWork, run: RunFolder) -> None:
    if read_json(run.path / "dataset_summary.json")["fingerprint"] != work.record.dataset_fingerprint:
        raise InputError(
            f"The data changed while {work.folder.series_id} was trained: those of {run.run_id} are others than at its "
            "begin. Bring back the files as they were, or begin anew."
        )
