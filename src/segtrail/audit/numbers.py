"""The numbers of a run against each other: history, checkpoints, metrics, configuration and journal."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrail.audit.outcome import Outcome
from segtrail.config.load import load_config
from segtrail.errors import InputError
from segtrail.evaluation.statistics import summarise
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.journal import Entry
from segtrail.record.manifest import as_written
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE

CONFIG_TITLE = "The configuration is the one that the run was opened with"
HISTORY_TITLE = "History, checkpoints and summary tell the same"
METRICS_TITLE = "The summary follows from the table of cases"


def check_configuration(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Read ``config_resolved.yaml`` by its schema, and compare its hash with the opening of the journal."""
    faults = []
    try:
        load_config(run_dir / CONFIG_FILE)
    except InputError as error:
        faults.append(" ".join(str(error).split()).rstrip("."))
    opening = _first(entries, "run opened")
    known = None if opening is None else opening.details.get("config_sha256")
    if not faults and opening is not None and hash_text_file(run_dir / CONFIG_FILE) != known:
        faults.append(f"{CONFIG_FILE} is not the one that the journal opens with")
    evidence = "it follows its schema" + (
        "" if opening is None else " and has the hash in the journal's first line"
    )
    return Outcome.of_faults("configuration", CONFIG_TITLE, faults, evidence)


def check_history(run_dir: Path, entries: Sequence[Entry]) -> Outcome:
    """Compare ``history.csv`` with the epochs of the summary, the checkpoints with the journal."""
    rows = read_rows(run_dir / "history.csv")
    summary = read_object(run_dir / "metrics_summary.json")
    faults = [*faults_of_epochs(rows), *_faults_of_selection(rows, summary["selection"])]
    faults += _faults_of_validations(rows, entries)
    faults += _faults_of_checkpoints(run_dir, entries)
    return Outcome.of_faults("history", HISTORY_TITLE, faults, f"{len(rows)} epochs")


def check_metrics(run_dir: Path) -> Outcome:
    """Compute ``metrics_summary.json`` again from ``metrics_cases.csv``, and ask for every case and its label map."""
    rows, expected, faults = compare_metrics(run_dir)
    faults += [
        f"predictions/{case}.nii.gz is missing"
        for case in expected
        if not (run_dir / "predictions" / f"{case}.nii.gz").is_file()
    ]
    return Outcome.of_faults("metrics", METRICS_TITLE, faults, describe_metrics(rows))


def describe_metrics(rows: Sequence[Mapping[str, str]]) -> str:
    """Say what the check of the metrics rests on."""
    return f"{len(rows)} rows, every statistic computed again"


def compare_metrics(run_dir: Path) -> tuple[list[dict[str, str]], dict[str, str], list[str]]:
    """Compute ``metrics_summary.json`` again from ``metrics_cases.csv``, and ask for every case.

    Args:
        run_dir: A run folder, or a shared copy.

    Returns:
        The rows of the table, the side of each case that should be in it, and what does not fit.
    """
    rows = read_rows(run_dir / "metrics_cases.csv")
    summary = read_object(run_dir / "metrics_summary.json")
    split = read_object(run_dir / "dataset_summary.json")["split"]
    config = load_config(run_dir / CONFIG_FILE)
    told = (config.report.bootstrap_samples, config.report.confidence, config.train.seed)
    if tuple(summary["bootstrap"][key] for key in ("samples", "confidence", "seed")) != told:
        return rows, {}, ["the intervals of metrics_summary.json are not made as the configuration says"]
    expected = {case: side for side in ("val", "test") for case in split[side]}
    return rows, expected, [*faults_of_summary(rows, summary), *faults_of_cases(rows, expected)]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table of a run.

    Raises:
        InputError: It can't be read.
    """
    try:
        return list(csv.DictReader(io.StringIO(as_written(path).decode("utf-8"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} can't be read ({error})") from None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run.

    Raises:
        InputError: It can't be read.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} can't be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name} holds no object")
    return content


def _first(entries: Sequence[Entry], action: str) -> Entry | None:
    return next((entry for entry in entries if entry.action == action), None)


def faults_of_epochs(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Ask for the epochs of each network in their order, none left out."""
    expected: dict[str, int] = {}
    for row in rows:
        stage = row.get("stage", "main")
        expected[stage] = expected.get(stage, 0) + 1
        if int(row["epoch"]) != expected[stage]:
            yield f"history.csv has epoch {row['epoch']} of {stage} where epoch {expected[stage]} follows"
            expected[stage] = int(row["epoch"])


def _faults_of_selection(rows: Sequence[Mapping[str, str]], selection: Mapping[str, Any]) -> Iterator[str]:
    last_stage = rows[-1].get("stage", "main")
    scores = {int(row["epoch"]): row["val_dice"] for row in rows if row.get("stage", "main") == last_stage}
    for which in ("best", "last"):
        epoch, score = selection[f"{which}_epoch"], selection[f"{which}_epoch_val_dice"]
        found = scores.get(epoch)
        if found is None:
            yield f"metrics_summary.json names epoch {epoch}, which history.csv does not have"
        elif (None if found == "" else float(found)) != score and not _both_undefined(found, score):
            yield f"the val_dice of epoch {epoch} is {found or 'empty'} in history.csv, {score} in metrics_summary.json"
    if selection["last_epoch"] != max(scores):
        yield f"metrics_summary.json ends with epoch {selection['last_epoch']}, history.csv with {max(scores)}"


def _both_undefined(text: str, score: float | None) -> bool:
    return text == "nan" and (score is None or score <= 0.0)


def _faults_of_validations(rows: Sequence[Mapping[str, str]], entries: Sequence[Entry]) -> Iterator[str]:
    """Compare each validation with the last line of the journal about it; a repeated epoch is there twice."""
    noted = {
        (str(entry.details["network"]), int(entry.details["epoch"])): entry.details["val_dice"]
        for entry in entries
        if entry.action == "validated"
    }
    for row in rows:
        key = row.get("stage", "main"), int(row["epoch"])
        if key in noted and row["val_dice"] not in ("", "nan") and float(row["val_dice"]) != noted[key]:
            yield f"the val_dice of epoch {key[1]} of {key[0]} is {row['val_dice']}, {noted[key]} in the journal"


def _faults_of_checkpoints(run_dir: Path, entries: Sequence[Entry]) -> Iterator[str]:
    latest: dict[str, str] = {}
    for entry in entries:
        if entry.action in ("checkpoint written", "checkpoints taken over", "resumed"):
            latest |= entry.details.get("sha256", {})
        if entry.action == "network kept":
            latest[f"finders/{entry.details['network']}.pt"] = entry.details["sha256"]
    for name, sha256 in latest.items():
        path = run_dir / "checkpoints" / name
        if path.is_file() and hash_file(path) != sha256:
            yield f"checkpoints/{name} is not the one that the journal saw written"


def faults_of_summary(rows: Sequence[Mapping[str, str]], summary: Mapping[str, Any]) -> Iterator[str]:
    """Compute every statistic of a summary again from the table of cases."""
    sides = {row["split"] for row in rows}
    for side in sorted(sides ^ summary["splits"].keys()):
        yield f"metrics_summary.json and metrics_cases.csv don't both have the side {side}"
    bootstrap = summary["bootstrap"]
    for side, classes in summary["splits"].items():
        for name, recorded in classes.items():
            own = [row for row in rows if row["split"] == side and row["class"] == name]
            yield from _faults_of_class(f"{side}, {name}", own, recorded, bootstrap)


def faults_of_cases(rows: Sequence[Mapping[str, str]], expected: Mapping[str, str]) -> Iterator[str]:
    """Ask for each case of validation and test, once, on its side."""
    measured = {row["case"]: row["split"] for row in rows}
    for case in sorted(expected.keys() - measured.keys()):
        yield f"metrics_cases.csv has no {case}, a case of {expected[case]}"
    for case, side in measured.items():
        if expected.get(case) != side:
            yield f"metrics_cases.csv has {case} as a case of {side}, which the split does not"
    named = Counter((row["case"], row["class"]) for row in rows)
    for case, name in sorted(pair for pair, times in named.items() if times > 1):
        yield f"metrics_cases.csv has {name} of {case} more than once"


def _faults_of_class(
    where: str, rows: Sequence[Mapping[str, str]], recorded: Mapping[str, Any], bootstrap: Mapping[str, Any]
) -> Iterator[str]:
    counted = [row for row in rows if row["status"] != "left_out"]
    failed = sum(row["status"] in ("missed", "false_positive") for row in counted)
    for key, count in (("n", len(counted)), ("n_failed", failed), ("n_left_out", len(rows) - len(counted))):
        if recorded[key] != count:
            yield f"{where}: {key} is {recorded[key]} in metrics_summary.json, {count} in metrics_cases.csv"
    for metric, statistics in recorded["metrics"].items():
        values = [float(row[metric]) for row in counted if row[metric] != ""]
        again = summarise(
            values, seed=bootstrap["seed"], samples=bootstrap["samples"], confidence=bootstrap["confidence"]
        )
        for key, value in statistics.items():
            if not _same(value, getattr(again, key)):
                yield f"{where}: the {key} of {metric} is {value} in metrics_summary.json, {getattr(again, key)} again"


def _same(recorded: Any, again: Any) -> bool:
    """Compare to a part in a billion: another version of NumPy may add in another order."""
    if isinstance(recorded, list) and isinstance(again, tuple):
        return len(recorded) == len(again) and all(map(_same, recorded, again))
    if isinstance(recorded, float) and isinstance(again, float):
        return math.isclose(recorded, again, rel_tol=1e-9, abs_tol=1e-12)
    return bool(recorded == again)
