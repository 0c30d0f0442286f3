"""The first page of a comparison: what is shown, what to keep in mind, which runs and which cases."""

from segtrail.report.parts import Fact, Facts, Heading, Notice, Paragraph, Part, Tone
from segtrail.report.sections.summary import RESEARCH_USE
from segtrail.run_comparison.comparison import RunComparison, network_of
from segtrail.run_comparison.wording import case_sentences, cautions, conclusion_sentences


def summary_section(comparison: RunComparison) -> list[Part]:
    """Build the first page: what is shown, what to keep in mind, the runs and the cases.

    Args:
        comparison: The comparison.

    Returns:
        A box for each other run, the cautions, and facts.
    """
    return [
        Heading("Summary"),
        *[Notice(*_verdict(comparison, run.name)) for run in comparison.others],
        Notice("To keep in mind", cautions(comparison), "warning"),
        Heading("The runs", level=2),
        Facts(_runs(comparison)),
        Heading("The cases", level=2),
        *[Paragraph(text) for text in case_sentences(comparison)],
        Paragraph(RESEARCH_USE, style="small"),
    ]


def _verdict(comparison: RunComparison, run: str) -> tuple[str, list[str], Tone]:
    one = comparison.main_statistics(run)
    titles = {
        "shown": f"{run} against {comparison.base.name}: a difference is shown",
        "not shown": f"{run} against {comparison.base.name}: no difference is shown",
        "not tested": f"{run} against {comparison.base.name}: too few cases that differ for a test",
    }
    tone: Tone = "neutral"
    if one.verdict == "shown" and one.direction is not None:
        tone = "good" if one.direction == "better" else "bad"
    return titles[one.verdict], conclusion_sentences(comparison, run), tone


def _runs(comparison: RunComparison) -> list[Fact]:
    facts = []
    for run in comparison.runs:
        selection = None if run.metrics is None else run.metrics.selection
        described = [
            run.run_id,
            network_of(run) or "",
            "" if selection is None else f"epoch {selection.best_epoch} of {selection.last_epoch}",
            run.record.note,
        ]
        facts.append(Fact(run.name, "; ".join(filter(None, described))))
        facts.append(Fact(f"Fingerprint of {run.name}", run.fingerprint or "none: not sealed", code=True))
    return facts
