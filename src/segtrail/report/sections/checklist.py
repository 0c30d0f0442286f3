"""The runbook's checklist, as far as the files of a run answer it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from segtrail.report.case_groups import groups_of_cases, torn_groups
from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.record_schema import Recorded
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import format_count, join_words

Answer = Literal["on record", "missing", "not met", "to be done by a person"]

# What every finished run of any version holds besides its report.
FILES = (
    *("run.json", "config_resolved.yaml", "dataset_summary.json", "history.csv", "train.log"),
    *("metrics_summary.json", "metrics_cases.csv", "examples/examples.json"),
    *("checkpoints/best.pt", "checkpoints/last.pt", "journal.jsonl", "manifest.json"),
)
_TONES: dict[Answer, Tone] = {
    "on record": "neutral",
    "missing": "warning",
    "not met": "bad",
    "to be done by a person": "neutral",
}
_CAPTION = (
    "The runbook's checklist before a result is used. “on record” says that it is there, not that it is "
    "right. “segtrail verify” goes through the same points, with all hashes."
)
_MOST_FILES_NAMED = 6


@dataclass(frozen=True)
class Point:
    """One point of the checklist: what must hold, what the record has of it, and its state."""

    title: str
    evidence: str
    answer: Answer


def checklist_section(contents: RunContents) -> list[Part]:
    """Build the table of the runbook's checklist.

    Args:
        contents: The run.

    Returns:
        The table, and which files of a finished run are there; nothing for a shared copy, which has too little.
    """
    if contents.share is not None:
        return []
    recorded = contents.run.recorded
    points = list(_points(contents) if recorded is None else _points_of_recorded(contents, recorded))
    rows = [
        Row([str(number), point.title, point.evidence, point.answer], _TONES[point.answer])
        for number, point in enumerate(points, start=1)
    ]
    columns = [
        Column("No.", 0.35, "right"),
        Column("Point", 1.7),
        Column("What is on record", 3.2),
        Column("State", 0.9),
    ]
    files = [] if recorded is not None else [Paragraph(_files(contents), style="small")]
    table = Table(columns, rows, _CAPTION, keep_together=True)
    return [Heading("The runbook's checklist", level=2), table, *files]


def _points(contents: RunContents) -> Iterator[Point]:
    yield Point("The data are checked and fingerprinted", *_data(contents))
    yield Point("The split does not leak", *_split(contents))
    yield Point("The configuration is resolved and kept", *_configuration(contents))
    yield Point("The training finished", *_training(contents))
    yield Point("Metrics are per case, on full volumes", *_metrics(contents))
    yield from _left_to_people(contents)


def _points_of_recorded(contents: RunContents, recorded: Recorded) -> Iterator[Point]:
    data = recorded.data
    listed = (
        "no data set was named" if data is None else f"{format_count(data.files, 'file')} with their hashes"
    )
    state: Answer = "missing" if data is None else "on record"
    if data is not None and data.changes:
        listed, state = f"{listed}; some changed while the command ran", "not met"
    yield Point("The data are checked and fingerprinted", f"{listed}; not checked by segtrail", state)
    yield Point("The split does not leak", "another program divided the data", "to be done by a person")
    kept: Answer = "on record" if contents.training_configuration else "missing"
    what = "training_configuration.json" if kept == "on record" else "the command alone"
    yield Point("The configuration is resolved and kept", what, kept)
    ended: Answer = "on record" if recorded.exit_code == 0 else "not met"
    yield Point("The training finished", contents.run.ended_because or "it did not end", ended)
    yield Point("Metrics are per case, on full volumes", *_metrics(contents))
    yield from _left_to_people(contents)


def _left_to_people(contents: RunContents) -> Iterator[Point]:
    yield Point("The report was read", "every page, and the worst case above all", "to be done by a person")
    noted = f"fingerprint {contents.fingerprint[:12]}…, to be noted" if contents.fingerprint else "not sealed"
    yield Point("The record is archived", noted, "to be done by a person")


def _data(contents: RunContents) -> tuple[str, Answer]:
    dataset = contents.dataset
    if dataset is None or not dataset.fingerprint:
        return "no fingerprint of the data", "missing"
    found = [check.id for check in dataset.checks if check.status == "failed"]
    looked = f"; a person looks at {join_words(found)} and at the montage" if found else ""
    passed = len(dataset.checks) - len(found)
    checks = f"{passed} of {format_count(len(dataset.checks), 'check')} passed"
    return f"{checks}, fingerprint {dataset.fingerprint[:12]}…{looked}", "on record"


def _split(contents: RunContents) -> tuple[str, Answer]:
    dataset = contents.dataset
    if dataset is None or not dataset.split.hash:
        return "no split", "missing"
    torn = torn_groups(contents)
    if torn:
        return f"on more than one side: {join_words(torn[:_MOST_FILES_NAMED])}", "not met"
    n_groups = len(set(groups_of_cases(contents).values()))
    groups = format_count(n_groups, "group") if n_groups else "no groups"
    return (
        f"hash {dataset.split.hash[:12]}…, {groups}; a person says whether cases of one patient are named as one",
        "on record",
    )


def _configuration(contents: RunContents) -> tuple[str, Answer]:
    if not contents.config:
        return "no config_resolved.yaml", "missing"
    return "config_resolved.yaml; whether it was meant so, a person says", "on record"


def _training(contents: RunContents) -> tuple[str, Answer]:
    run = contents.run
    if run.status != "finished":
        return f"the run is {run.status}", "not met"
    if any(entry.differences for entry in run.resumed):
        return "it was gone on with under other conditions than those it began with", "not met"
    epochs = format_count(len(contents.history), "epoch")
    return f"finished, {epochs} on record; a person says whether the curves have levelled out", "on record"


def _metrics(contents: RunContents) -> tuple[str, Answer]:
    cases = contents.cases
    if not cases or contents.metrics is None:
        return "no case was measured", "missing"
    names = {row.case for row in cases}
    failed = sum(row.status in ("missed", "false_positive") for row in cases)
    return (
        f"{format_count(len(names), 'case')}, {format_count(len(cases), 'row')}, {failed} failed",
        "on record",
    )


def _files(contents: RunContents) -> str:
    missing = [name for name in FILES if not (contents.folder / name).is_file()]
    if not missing:
        return f"All {len(FILES)} files that a finished run has beside its report are there: {join_words(list(FILES))}."
    return f"Of {len(FILES)} files that a finished run has beside its report, these are missing: {_named(missing)}."


def _named(files: Sequence[str]) -> str:
    more = len(files) - _MOST_FILES_NAMED
    shown = list(files[:_MOST_FILES_NAMED])
    return join_words([*shown, f"{more} more"] if more > 0 else shown)
