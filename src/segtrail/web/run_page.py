"""The page of one run: how far it is, what came of it, its cases, figures, notes and files."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from segtrail.errors import SegtrailError
from segtrail.experiment_log.logged_run import LoggedRun
from segtrail.report.parts import Facts, Heading, Notice, Part
from segtrail.report.record_schema import CaseRow, Definition
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.result_text import result_paragraphs
from segtrail.report.sections.summary import facts_at_a_glance, status_notice
from segtrail.report.sections.verdict import verdict
from segtrail.report.web_page import write_sections
from segtrail.report.wording import SIDE_NAMES, format_duration, format_number
from segtrail.web.curves import HEIGHT, WIDTH, Chart, draw_charts
from segtrail.web.pages import page
from segtrail.web.run_reading import ReadRun, read_for_page
from segtrail.web.served_files import list_files, run_folder_of
from segtrail.web.site import site_of

_METRIC_KINDS = ("dice", "nsd_", "hd95_mm", "volume_error_ml")
# A run of which nothing came for so many epochs' time may have been killed.
_SILENT_EPOCHS, _SILENT_SECONDS = 5, 600


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        sentence: The same in words.
        done: Epochs that have ended, of all stages.
        planned: Epochs in all; None where that is not on record.
        charts: Its curves.
    """

    sentence: str
    done: int
    planned: int | None
    charts: Sequence[Chart]


@dataclass(frozen=True)
class CaseTable:
    """The measured cases: the titles of the metrics, and for each row its case, its side, its class and the values."""

    titles: Sequence[str]
    rows: Sequence[tuple[CaseRow, Sequence[str]]]
    has_classes: bool


def run_page(request: Request) -> Response:
    """Show a run."""
    folder = run_folder_of(site_of(request).runs, request.path_params["run"])
    run = read_for_page(folder)
    contents = run.contents
    table = None if contents is None else case_table(contents, contents.cases or [])
    measured = {row.case for row, _ in table.rows} if table else set()
    cases = contents.dataset.cases if contents and contents.dataset else []
    logged = LoggedRun(folder)
    files = list_files(folder)
    return page(
        "run.html",
        folder=folder.name,
        run=run,
        summary=_summary(run),
        progress=None if contents is None else progress_of(run),
        width=WIDTH,
        height=HEIGHT,
        table=table,
        sides=SIDE_NAMES,
        other_cases=[case for case in cases if case.case not in measured],
        examples=contents.examples.examples if contents and contents.examples else [],
        notes=_or_nothing(logged, "notes"),
        signoffs=_or_nothing(logged, "signoffs"),
        files=files,
        names={file.path for file in files},
    )


def progress_part(request: Request) -> Response:
    """Give the part of the page that changes while a run is in training."""
    folder = run_folder_of(site_of(request).runs, request.path_params["run"])
    run = read_for_page(folder)
    progress = None if run.contents is None else progress_of(run)
    return page("progress.html", folder=folder.name, run=run, progress=progress, width=WIDTH, height=HEIGHT)


def progress_of(run: ReadRun) -> Progress:
    """Say how far a training is."""
    contents = run.contents
    assert contents is not None
    planned = [stage.planned_epochs for stage in contents.stages]
    whole = sum(epochs for epochs in planned if epochs) if all(planned) else None
    done = sum(len(stage.history) for stage in contents.stages)
    return Progress(_in_words(run, contents, done, whole), done, whole, draw_charts(contents))


def case_table(contents: RunContents, rows: Sequence[CaseRow]) -> CaseTable:
    """Set the main metrics of measured cases beside each other."""
    definitions = contents.metrics.definitions if contents.metrics else {}
    columns = list(dict.fromkeys(column for row in rows for column in row.columns()))
    chosen = [next((column for column in columns if column.startswith(kind)), None) for kind in _METRIC_KINDS]
    shown = [column for column in chosen if column is not None]
    titles = [_title(column, definitions.get(column)) for column in shown]
    units = [_unit(definitions.get(column)) for column in shown]
    values = [
        [format_number(row.metric(column), unit) for column, unit in zip(shown, units, strict=True)]
        for row in rows
    ]
    has_classes = len({row.class_name for row in rows}) > 1
    return CaseTable(titles, list(zip(rows, values, strict=True)), has_classes)


def _title(column: str, definition: Definition | None) -> str:
    if definition is None:
        return column
    return f"{definition.name} ({definition.unit})" if definition.unit else definition.name


def _unit(definition: Definition | None) -> str:
    return "" if definition is None else definition.unit


def _in_words(run: ReadRun, contents: RunContents, done: int, planned: int | None) -> str:
    of = "" if planned is None else f" of {planned:,}"
    stage = next((stage for stage in reversed(contents.stages) if stage.history), None)
    if stage is None:
        return f"Status: {contents.run.status}. No epoch has ended yet."
    where = f" (now {stage.name})" if len(contents.stages) > 1 and run.is_training else ""
    dice = next((row.val_dice for row in reversed(stage.history) if row.val_dice is not None), None)
    score = "" if dice is None else f" Latest validation Dice {format_number(dice)}."
    left = _time_left(run, contents, done, planned)
    return f"Status: {contents.run.status}. {done:,}{of} epochs have ended{where}.{score}{left}"


def _time_left(run: ReadRun, contents: RunContents, done: int, planned: int | None) -> str:
    seconds = contents.history[-1].seconds if contents.history else None
    if not run.is_training or not seconds:
        return ""
    silent = _silent_seconds(run.folder)
    if silent > max(_SILENT_EPOCHS * seconds, _SILENT_SECONDS):
        return (
            f" Nothing was recorded for {format_duration(silent)}: it may have been killed, and `segtrail resume` goes "
            "on with it."
        )
    left = 0 if planned is None else planned - done
    return f" About {format_duration(left * seconds)} of training are left." if left > 0 else ""


def _silent_seconds(folder: Path) -> float:
    try:
        written = max(
            path.stat().st_mtime for path in (folder / "history.csv", folder / "train.log") if path.exists()
        )
    except (OSError, ValueError):
        return 0.0
    return max(0.0, time.time() - written)


def _summary(run: ReadRun) -> Markup:
    contents = run.contents
    if contents is None:
        return Markup("")
    facts: list[Part] = [Heading("At a glance"), Facts(facts_at_a_glance(contents), columns=2)]
    if run.is_training:
        return Markup(write_sections(facts))  # noqa: S704 - made of elements, whose texts are escaped
    parts: list[Part] = [
        *status_notice(contents),
        Notice("Result", result_paragraphs(contents)),
        *verdict(contents),
        *facts,
    ]
    return Markup(write_sections(parts))  # noqa: S704 - as above


def _or_nothing(logged: LoggedRun, name: str) -> Sequence[object]:
    """Read notes or sign-offs; what is damaged is said of other files already."""
    try:
        found: Sequence[object] = getattr(logged, name)
    except (SegtrailError, OSError):
        return []
    return found
