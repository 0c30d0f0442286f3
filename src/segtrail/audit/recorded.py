"""The record of another program's training: its command, data, outputs and numbers against each other."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrail.audit.data import TITLE as DATA_TITLE
from segtrail.audit.facts import TITLE as FACTS_TITLE
from segtrail.audit.facts import faults_of_opening, faults_of_sealing, faults_of_written, last_of
from segtrail.audit.numbers import (
    METRICS_TITLE,
    faults_of_cases,
    faults_of_epochs,
    faults_of_summary,
    read_object,
    read_rows,
)
from segtrail.audit.outcome import Check, Outcome
from segtrail.audit.provenance import TITLE as PROVENANCE_TITLE
from segtrail.audit.provenance import check_provenance
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import Entry
from segtrail.record.recorded_training import CONFIGURATION_FILE
from segtrail.recording.data_files import FILE_NAME as DATA_FILES
from segtrail.recording.data_files import read_data_files
from segtrail.recording.foreign_training import LabelPair

HISTORY_TITLE = "The epochs follow each other"
CONFIG_TITLE = "What the training was configured with is on record"
MEASURED_TITLE = "The kept label maps give the reported metrics again"


def checks_of_recorded(run_dir: Path, data_root: Path | None, entries: Sequence[Entry]) -> list[Check]:
    """List the checks of a record beside those of every sealed folder.

    Args:
        run_dir: The run folder.
        data_root: Folder of the data set; None leaves the data out.
        entries: The lines of its journal, there when a check is made.

    Returns:
        The checks, in their order.
    """
    return [
        Check("configuration", CONFIG_TITLE, lambda: _check_configuration(run_dir)),
        Check("facts", FACTS_TITLE, lambda: _check_facts(run_dir, entries)),
        Check("provenance", PROVENANCE_TITLE, lambda: check_provenance(run_dir, entries)),
        Check("history", HISTORY_TITLE, lambda: _check_history(run_dir)),
        Check("metrics", METRICS_TITLE, lambda: _check_metrics(run_dir)),
        Check("data", DATA_TITLE, lambda: _check_data(run_dir, data_root)),
    ]


def check_measured(run_dir: Path, data_root: Path) -> Outcome:
    """Measure the kept label maps again, against the references in the data set that are those of the record.

    Args:
        run_dir: The run folder.
        data_root: Folder of the data set.

    Returns:
        A fault for each value that is another one.
    """
    from segtrail.evaluation.records import case_rows, class_result_of
    from segtrail.recording.measure import measure_pair

    recorded = read_object(run_dir / "run.json")["recorded"]
    classes = {name: tuple(values) for name, values in recorded.get("classes", {}).items()}
    rows = {(row["case"], row["class"]): row for row in _rows_of(run_dir / "metrics_cases.csv")}
    faults, n_measured, elsewhere = [], 0, []
    for entry in recorded.get("measured", []):
        reference = data_root / entry["reference"]
        if "${" in entry["reference"] or not reference.is_file():
            elsewhere.append(entry["case"])
            continue
        if hash_file(reference) != entry["reference_sha256"]:
            faults.append(
                f"the reference of {entry['case']} is another file than the one that was measured against"
            )
            continue
        pair = LabelPair(entry["case"], run_dir / entry["prediction"], reference)
        n_measured += 1
        for result in measure_pair(pair, classes, recorded.get("ignored_label")):
            told = class_result_of(rows[result.case, result.class_name])
            if case_rows([told]) != case_rows([result]):  # where nothing is defined, both say None
                faults.append(
                    f"{result.case}, {result.class_name}: the metrics are others than those on record"
                )
    if not n_measured and not faults:
        return Outcome.not_checked("rerun", MEASURED_TITLE, "no reference of the record lies in the data set")
    beside = f"; the references of {len(elsewhere)} cases lie elsewhere" if elsewhere else ""
    return Outcome.of_faults(
        "rerun", MEASURED_TITLE, faults, f"{n_measured} label maps measured again{beside}"
    )


def _check_configuration(run_dir: Path) -> Outcome:
    if (run_dir / CONFIGURATION_FILE).is_file():
        content = read_object(run_dir / CONFIGURATION_FILE)
        return Outcome(
            "configuration", CONFIG_TITLE, "pass", (f"{CONFIGURATION_FILE}: {', '.join(sorted(content))}",)
        )
    because = "the command and its code are on record; what the program made of them only it can say"
    return Outcome.not_checked("configuration", CONFIG_TITLE, because)


def _check_facts(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    opening = last_of(entries, "run opened")
    if opening is None:
        return Outcome("facts", FACTS_TITLE, "fail", ("the journal has no opening",))
    run = read_object(run_dir / "run.json")
    # A recorder that was stopped wrote the journal, and perhaps no more.
    was_stopped = last_of(entries, "interrupted") is not None
    faults = [
        *faults_of_opening(run_dir, run, opening),
        *_faults_of_command(run, opening, last_of(entries, "command ended"), was_stopped=was_stopped),
        *_faults_of_data(run_dir, run["recorded"], entries, was_stopped=was_stopped),
        *_faults_of_files(run_dir, run["recorded"], entries, was_stopped=was_stopped),
        *faults_of_sealing(entries),
    ]
    return Outcome.of_faults("facts", FACTS_TITLE, faults, f"compared with {len(entries)} lines")


def _faults_of_command(
    run: Mapping[str, Any], opening: Entry, ended: Entry | None, *, was_stopped: bool
) -> Iterator[str]:
    recorded = run["recorded"]
    if recorded["command"] != opening.details.get("recorded_command"):
        yield "run.json has another command than the journal's first line"
    exit_code = None if ended is None else ended.details["exit_code"]
    if recorded["exit_code"] != exit_code and not (was_stopped and recorded["exit_code"] is None):
        yield f"run.json has the exit code {recorded['exit_code']}, the journal {exit_code}"
    if ended is not None and not was_stopped and run["ended_because"] != ended.details["because"]:
        yield "run.json and the journal tell the end of the command in two ways"
    if run["status"] == "finished" and exit_code != 0:
        yield f"run.json says finished, where the command ended with {exit_code}"


def _faults_of_data(
    run_dir: Path, recorded: Mapping[str, Any], entries: Sequence[Entry], *, was_stopped: bool
) -> Iterator[str]:
    listed, used = last_of(entries, "data listed"), last_of(entries, "data used")
    if listed is not None and listed.details["sha256"] != hash_text_file(run_dir / DATA_FILES):
        yield f"{DATA_FILES} is not the one that the journal saw written"
    data = recorded["data"]
    if (data is None) != (used is None) and not (was_stopped and data is None):
        yield "run.json and the journal don't both tell of the data"
    if data is not None and used is not None:
        opened = used.details["opened"]
        told = (data["changes"], data["opened"])
        if told != (used.details["changes"], None if opened is None else len(opened)):
            yield "run.json and the journal tell in two ways which data were opened or changed"


def _faults_of_files(
    run_dir: Path, recorded: Mapping[str, Any], entries: Sequence[Entry], *, was_stopped: bool
) -> Iterator[str]:
    kept, evaluated = last_of(entries, "outputs kept"), last_of(entries, "evaluated")
    if kept is not None:
        yield from faults_of_written(run_dir, kept.details["files"])
        is_untold = was_stopped and recorded["outputs"] is None
        if not is_untold and (recorded["outputs"] or {}).get("files") != len(kept.details["files"]):
            yield "run.json counts other outputs than the journal"
    if evaluated is not None:
        yield from faults_of_written(run_dir, evaluated.details["files"])
        is_untold = was_stopped and "measured" not in recorded
        cases = [entry["case"] for entry in recorded.get("measured", [])]
        if not is_untold and cases != evaluated.details["cases"]:
            yield "run.json names other measured cases than the journal"


def _check_history(run_dir: Path) -> Outcome:
    if not (run_dir / "history.csv").is_file():
        return Outcome.not_checked("history", HISTORY_TITLE, "no epochs of the program are on record")
    rows = read_rows(run_dir / "history.csv")
    return Outcome.of_faults("history", HISTORY_TITLE, list(faults_of_epochs(rows)), f"{len(rows)} epochs")


def _check_metrics(run_dir: Path) -> Outcome:
    measured = read_object(run_dir / "run.json")["recorded"].get("measured", [])
    if not measured and not (run_dir / "metrics_cases.csv").is_file():
        return Outcome.not_checked("metrics", METRICS_TITLE, "no label map was measured")
    rows = read_rows(run_dir / "metrics_cases.csv")
    faults = list(faults_of_summary(rows, read_object(run_dir / "metrics_summary.json")))
    faults += faults_of_cases(rows, {entry["case"]: "val" for entry in measured})
    return Outcome.of_faults(
        "metrics", METRICS_TITLE, faults, f"{len(rows)} rows, every statistic computed again"
    )


def _check_data(run_dir: Path, data_root: Path | None) -> Outcome:
    if not (run_dir / DATA_FILES).is_file():
        return Outcome.not_checked("data", DATA_TITLE, "no data set was named when it was recorded")
    if data_root is None:
        return Outcome.not_checked("data", DATA_TITLE, "--data DIR compares them")
    files = read_data_files(run_dir / DATA_FILES)
    faults = []
    for file in files:
        path = data_root / file.path
        if not path.resolve().is_relative_to(data_root.resolve()):
            faults.append(f"{file.path} does not lie in the data set's folder")
        elif not path.is_file():
            faults.append(f"{file.path} is missing")
        elif path.stat().st_size != file.bytes or hash_file(path) != file.sha256:
            faults.append(f"{file.path} is another file than the one on record")
    return Outcome.of_faults("data", DATA_TITLE, faults, f"all {len(files)} files have their hashes")


def _rows_of(path: Path) -> list[dict[str, str]]:
    return read_rows(path) if path.is_file() else []
