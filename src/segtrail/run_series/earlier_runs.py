"""What an earlier command left of a series: its versions, its finished runs."""

from collections.abc import Mapping

from segtrail.errors import InputError
from segtrail.evaluation.records import read_case_table
from segtrail.record.run_folder import read_json
from segtrail.record.run_series import SeriesEntry
from segtrail.run_series.series_work import SeriesWork
from segtrail.version import __version__


def describe_other_versions(work: SeriesWork, environment: Mapping[str, str]) -> str:
    """Say which versions are others than when a series began; empty where none is.

    Args:
        work: The series.
        environment: The versions of now.
    """
    record = work.record
    before = {"segtrail": record.segtrail_version, **record.environment}
    now = {"segtrail": __version__, **environment}
    changed = [
        f"{name} {now.get(name, 'missing')} (was {before.get(name, 'missing')})"
        for name in {**before, **now}
        if now.get(name) != before.get(name)
    ]
    if not changed:
        return ""
    return (
        f"{work.folder.series_id} began with other versions: {', '.join(changed)}. The {work.kind.plural} that are "
        "left are trained with those of now, which may give other results."
    )


def fault_of_finished_run(work: SeriesWork, entry: SeriesEntry) -> str | None:
    """Return why an entry that is said to be finished can't be kept, as a sentence; None where it can.

    Args:
        work: The series.
        entry: The entry.
    """
    if entry.run_id is None:
        return f"{work.folder.record_file.name} names no run of it."
    run = work.folder.output_root / "runs" / entry.run_id
    try:
        status = read_json(run / "run.json").get("status")
        fingerprint = read_json(run / "dataset_summary.json").get("fingerprint")
        read_json(run / "metrics_summary.json")
        rows = read_case_table(run / "metrics_cases.csv")
    except InputError as error:
        return str(error)
    if status != "finished":
        return f"The run {entry.run_id} is {status}."
    if fingerprint != work.record.dataset_fingerprint:
        return f"The run {entry.run_id} was trained on other data."
    return work.kind.is_its_run(entry, rows, run)
