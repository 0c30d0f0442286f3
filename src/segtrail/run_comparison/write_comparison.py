"""The folder of a comparison: the report as PDF and as web page, ``comparison.json``, ``comparison_cases.csv``."""

import csv
import io
import json
from pathlib import Path

from segtrail.atomic import write_bytes, write_json, write_text
from segtrail.errors import InputError
from segtrail.progress import Narrator
from segtrail.report.typeset import NO_TYPST, has_typst, typeset
from segtrail.report.web_page import write_web_page
from segtrail.run_comparison.comparison import KIND, RunComparison
from segtrail.run_comparison.document import build_comparison_document, moment_of
from segtrail.run_comparison.pictures import most_changed
from segtrail.run_comparison.wording import cautions, conclusions

PDF_FILE, WEB_FILE = "comparison.pdf", "comparison.html"
JSON_FILE, CASE_VALUES_FILE = "comparison.json", "comparison_cases.csv"
_FILES = (PDF_FILE, WEB_FILE, JSON_FILE, CASE_VALUES_FILE)
_SCHEMA_VERSION = 1


def write_comparison(comparison: RunComparison, folder: Path, data: Path | None, narrator: Narrator) -> None:
    """Write a comparison into a folder; the same runs and data give the same bytes.

    Args:
        comparison: The comparison.
        folder: Where to write; made where it is not there. An earlier comparison of the same runs is replaced.
        data: Where the data set lies, for the pictures; None for where this machine last saw it.
        narrator: Shows progress.

    Raises:
        InputError: The folder holds something else, lies in a run, or can't be written.
    """
    _require_folder(comparison, folder)
    with narrator.track("Drawing", len(most_changed(comparison))) as tracker:
        document = build_comparison_document(comparison, data, tracker.advance)
    pdf = typeset(document, moment_of(comparison)) if has_typst() else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / CASE_VALUES_FILE, case_values(comparison))
        write_bytes(folder / WEB_FILE, write_web_page(document))
        if pdf is None:
            (folder / PDF_FILE).unlink(missing_ok=True)
            narrator.say(NO_TYPST)
        else:
            write_bytes(folder / PDF_FILE, pdf)
        write_json(folder / JSON_FILE, comparison.as_mapping(conclusions(comparison), cautions(comparison)))
    except OSError as error:
        raise InputError(f"The comparison can't be written into {folder}: {error.strerror}.") from None


def _require_folder(comparison: RunComparison, folder: Path) -> None:
    place = folder.resolve()
    for run in comparison.runs:
        if place.is_relative_to(run.folder.resolve()):
            raise InputError(
                f"--output {folder} lies in the run {run.run_id}, which is not written. Name a folder elsewhere."
            )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output {folder} is no folder. Name another one.")
    if not folder.is_dir():
        return
    found = sorted(path.name for path in folder.iterdir())
    others = [name for name in found if name not in _FILES]
    if others:
        raise InputError(f"--output {folder} holds something else: {others[0]}. Name a new folder.")
    if found and not _is_of_these_runs(comparison, folder / JSON_FILE):
        raise InputError(f"--output {folder} holds a comparison of other runs. Name a new folder.")


def _is_of_these_runs(comparison: RunComparison, path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        ids = [run["run_id"] for run in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return bool(content.get("kind") == KIND and ids == [run.run_id for run in comparison.runs])


def case_values(comparison: RunComparison) -> str:
    """Write every compared value as a table: a row for each case, class and metric.

    Args:
        comparison: The comparison.

    Returns:
        The text of ``comparison_cases.csv``: the value of each run, unrounded, and the differences from the first. A
        metric that is best at 0 keeps its sign; its difference is that of the distances from 0.
    """
    names = [run.name for run in comparison.runs]
    others = names[1:]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = [*(f"value_{name}" for name in names), *(f"difference_{name}" for name in others)]
    writer.writerow(["case", "class", "metric", *columns, "schema_version"])
    for case in comparison.common.cases:
        for class_name in comparison.values.classes:
            for metric, definition in comparison.all_definitions.items():
                found = [comparison.values.value(name, case.name, class_name, metric) for name in names]
                base = found[0]
                differences = [_difference(base, value, definition.better) for value in found[1:]]
                cells = ["" if value is None else repr(value) for value in (*found, *differences)]
                writer.writerow([case.name, class_name, metric, *cells, _SCHEMA_VERSION])
    return stream.getvalue()


def _difference(base: float | None, other: float | None, better: str | None) -> float | None:
    if base is None or other is None:
        return None
    return abs(other) - abs(base) if better == "zero" else other - base
