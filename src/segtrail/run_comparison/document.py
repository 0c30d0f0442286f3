"""The report of a comparison as parts: what is shown, what differs, curves, cases, statistics and pictures."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from segtrail.report.document import Document, assemble
from segtrail.report.parts import Heading, Paragraph, Part
from segtrail.report.sections.summary import RESEARCH_USE
from segtrail.report.wording import join_words
from segtrail.run_comparison.cases_section import cases_section
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.curves_section import curves_section
from segtrail.run_comparison.differences_section import differences_section
from segtrail.run_comparison.pictures import pictures_section
from segtrail.run_comparison.statistics_tables import statistics_section
from segtrail.run_comparison.summary_section import summary_section
from segtrail.run_comparison.wording import problem_sentences
from segtrail.version import __version__


def moment_of(comparison: RunComparison) -> datetime:
    """Return the time that the PDF gives as its own: when the last of the runs ended."""
    return max(run.record.ended_utc or run.record.created_utc for run in comparison.runs)


def build_comparison_document(
    comparison: RunComparison, data: Path | None, on_picture: Callable[[str], None] = lambda _: None
) -> Document:
    """Build the document.

    Args:
        comparison: The comparison.
        data: Where the data set lies, for the pictures; None for where this machine last saw it.
        on_picture: Called with the case of each picture that was drawn.

    Returns:
        The data and the figures.
    """
    base, others = comparison.base, [run.name for run in comparison.others]
    ids = [run.run_id for run in comparison.runs]
    frame = {
        "title": "Comparison of runs",
        "subtitle": f"{join_words(others)} against {base.name}, the run {base.run_id}.",
        "author": base.record.operator or f"segtrail {__version__}",
        "description": f"What differs between the runs {join_words(ids)}, and how well their networks segment.",
        "keywords": ["segmentation", "medical imaging", "comparison", *ids],
        "run_id": " / ".join(ids) if len(ids) == 2 else f"{base.run_id} and {len(others)} others",
        "header": base.record.project or "segtrail",
        "footer": RESEARCH_USE.partition(".")[0] + ".",
    }
    parts = [
        *found_parts(comparison),
        *pictures_section(comparison, data, on_picture),
        *problem_parts(comparison),
    ]
    return assemble(frame, parts)


def found_parts(comparison: RunComparison) -> list[Part]:
    """Build what was found, from the records of the runs alone."""
    sections: Sequence[list[Part]] = (
        summary_section(comparison),
        differences_section(comparison),
        curves_section(comparison),
        cases_section(comparison),
        statistics_section(comparison),
    )
    return [part for section in sections for part in section]


def problem_parts(comparison: RunComparison) -> list[Part]:
    """Say what could not be read of the runs; nothing where all could."""
    problems = [text for text in problem_sentences(comparison) if text not in comparison.notes]
    if not problems:
        return []
    return [Heading("What could not be read"), *[Paragraph(text, "missing") for text in problems]]
