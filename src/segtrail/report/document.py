"""The report as parts, and as data for the template: which sections stand in it, in which order, in printable text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrail.report.attachments import describe_attachment, read_attachments
from segtrail.report.parts import Figure, Heading, Paragraph, Part, as_data
from segtrail.report.record_schema import Recorded
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.calibration import calibration_section
from segtrail.report.sections.checklist import checklist_section
from segtrail.report.sections.claim import claim_section
from segtrail.report.sections.configuration import configuration_section
from segtrail.report.sections.data import data_section
from segtrail.report.sections.groups import groups_section
from segtrail.report.sections.limitations import limitations_section, worst_cases
from segtrail.report.sections.pictures import pictures_section
from segtrail.report.sections.record import definitions_section, provenance_section
from segtrail.report.sections.recorded import (
    recorded_configuration,
    recorded_curves,
    recorded_summary,
    recorded_training,
)
from segtrail.report.sections.regions import regions_section
from segtrail.report.sections.results import cases_section, metrics_section
from segtrail.report.sections.spread import spread_section
from segtrail.report.sections.summary import RESEARCH_USE, summary_section
from segtrail.report.sections.training import training_section
from segtrail.report.wording import breakable, format_time, printable

# Longest words, in characters, that the template's columns hold without a break.
_LONGEST_IN_TABLE = 16
_LONGEST_IN_CODE_TABLE = 24
_LONGEST_ELSEWHERE = 34
_LONGEST_CODE = 66
_REPLACED = (
    "� stands for characters that the fonts of this report do not hold; the files beside it have them."
)
_NOT_TEXT = ("kind", "style", "tone", "align", "file")


@dataclass(frozen=True)
class Document:
    """What a report is made of.

    Attributes:
        data: What the template of the PDF needs: the same texts, printable and with places to break.
        figures: The figures by file name.
        attachments: The files to attach, by name.
        frame: What stands around the parts, as it was given.
        parts: The parts, as they were given.
    """

    data: dict[str, Any]
    figures: dict[str, bytes]
    attachments: Mapping[str, bytes]
    frame: Mapping[str, Any]
    parts: Sequence[Part]


def assemble(
    frame: Mapping[str, Any], parts: Sequence[Part], attachments: Mapping[str, bytes] | None = None
) -> Document:
    """Make a document of parts and of what stands around them.

    Args:
        frame: Title, subtitle, author, description, keywords, run_id, header and footer; ``paper``, a4 or letter, where
            it is not a4.
        parts: The parts, in their order.
        attachments: Files of the record to attach, by name.

    Returns:
        The data, every text printable, and the figures.
    """
    printable_parts = [_printable_part(part) for part in parts]
    if "\ufffd" in json.dumps(printable_parts, ensure_ascii=False):
        printable_parts.insert(0, as_data(Paragraph(_REPLACED, style="small")))
    attached = attachments or {}
    texts = {key: _printable(value, _LONGEST_ELSEWHERE) for key, value in frame.items()}
    return Document(
        {
            "paper": "a4",
            **texts,
            "parts": printable_parts,
            "attachments": [describe_attachment(name) for name in attached],
        },
        {part.file: part.content for part in parts if isinstance(part, Figure)},
        attached,
        frame,
        parts,
    )


def build_document(contents: RunContents) -> Document:
    """Build a report from what a run folder says.

    Args:
        contents: The run.

    Returns:
        The data and the figures.

    Raises:
        InputError: A picture of the run folder is damaged.
    """
    run = contents.run
    project = run.project or "segtrail"
    frame = {
        "title": f"Segmentation report: {project}",
        "subtitle": f"Run {run.run_id}, started {format_time(run.created_utc)}, {_status(contents)}.",
        "author": run.operator or f"segtrail {run.segtrail_version}",
        "description": f"What the training run {run.run_id} was made of and how well its network segments.",
        "keywords": ["segmentation", "medical imaging", "deep learning", run.run_id],
        "run_id": run.run_id,
        "header": project,
        "footer": RESEARCH_USE.partition(".")[0] + ".",
        "paper": _paper(contents.config),
    }
    return assemble(frame, _parts(contents), read_attachments(contents.folder))


def _paper(config: Mapping[str, Any] | None) -> str:
    section = (config or {}).get("report")
    page = section.get("page") if isinstance(section, Mapping) else None
    return "letter" if page == "letter" else "a4"


def _parts(contents: RunContents) -> list[Part]:
    if contents.run.recorded is not None:
        return _parts_of_recorded(contents, contents.run.recorded)
    sections: Sequence[list[Part]] = (
        [Heading("Summary")],
        summary_section(contents),
        data_section(contents),
        training_section(contents),
        regions_section(contents),
        _results(contents),
        pictures_section(contents),
        limitations_section(contents),
        provenance_section(contents),
        checklist_section(contents),
        configuration_section(contents.config),
        claim_section(contents),
    )
    return [part for section in sections for part in section]


def _results(contents: RunContents) -> list[Part]:
    """Everything that was measured: over cases, case by case, spread, calibration, by group; what the metrics mean."""
    return [
        Heading("Results"),
        *metrics_section(contents.metrics),
        *cases_section(contents),
        *spread_section(contents),
        *calibration_section(contents.calibration),
        *groups_section(contents),
        *definitions_section(contents.metrics),
    ]


def _parts_of_recorded(contents: RunContents, recorded: Recorded) -> list[Part]:
    """Build the report of another program's training: what is known of it, and the same results."""
    sections: Sequence[list[Part]] = (
        [Heading("Summary")],
        recorded_summary(contents, recorded),
        recorded_training(contents, recorded),
        recorded_curves(contents),
        _results(contents) if contents.metrics else [],
        pictures_section(contents) if contents.examples else [],
        [Heading("Failures and limitations"), *worst_cases(contents.cases)] if contents.cases else [],
        provenance_section(contents),
        checklist_section(contents),
        recorded_configuration(contents.training_configuration),
        claim_section(contents),
    )
    return [part for section in sections for part in section]


def _status(contents: RunContents) -> str:
    return "still running" if contents.run.status == "running" else contents.run.status


def _printable_part(part: Part) -> dict[str, Any]:
    data = as_data(part)
    if data["kind"] == "table":
        code = any(column["code"] for column in data["columns"])
        longest = _LONGEST_IN_CODE_TABLE if code else _LONGEST_IN_TABLE
        cells = {key: _printable(data[key], longest) for key in ("columns", "rows")}
        return {**data, **cells, "caption": _printable(data["caption"], _LONGEST_ELSEWHERE)}
    if data["kind"] == "facts":
        for row in data["rows"]:
            row["label"] = _printable(row["label"], _LONGEST_ELSEWHERE)
            row["text"] = _printable(row["text"], _LONGEST_CODE if row["code"] else _LONGEST_ELSEWHERE)
        return data
    return {
        key: value if key in _NOT_TEXT else _printable(value, _LONGEST_ELSEWHERE)
        for key, value in data.items()
    }


def _printable(value: Any, longest: int) -> Any:
    """Make every text in nested data printable and breakable."""
    if isinstance(value, str):
        return breakable(printable(value), longest)
    if isinstance(value, dict):
        return {key: item if key in _NOT_TEXT else _printable(item, longest) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item, longest) for item in value]
    return value
