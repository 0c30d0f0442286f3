"""The report of a data set on one page: verdict, facts, what the checks found, and every case as a picture."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.checking.checks import CheckResult, describe_finding
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.reading.scan import CaseScan
from segtrail.report.dataset_montage import TONES, montage_of, tones_by_case
from segtrail.report.document import Document, assemble
from segtrail.report.parts import Column, Fact, Facts, Figure, Notice, Paragraph, Part, Row, Table, Tone
from segtrail.report.wording import format_count, format_number, format_time, join_words

# More than paper shows: 200 dots per inch over the width of the text.
_PAGE_PIXELS = 3e6
_ROWS = 9
_LONGEST_EVIDENCE = 150
_LONGEST_FACT = 90
_MOST_CLASSES = 4


def build_dataset_document(
    description: DatasetDescription,
    scans: Sequence[CaseScan],
    results: Sequence[CheckResult],
    fingerprint: str,
    moment: datetime,
) -> Document:
    """Build the one-page report of a data set.

    Args:
        description: The data set.
        scans: One scan per case.
        results: The results of the checks.
        fingerprint: That of the data.
        moment: When it was checked.

    Returns:
        The document.
    """
    found = [result for result in results if result.findings]
    parts: list[Part] = [
        _verdict(results),
        Facts(_facts(description, scans), columns=2),
        *_table(found),
        _passed(results),
        _figure(description, scans, results),
    ]
    name = _short(description.name, 60)
    frame = {
        "title": f"Data set report: {name}",
        "subtitle": f"{format_count(len(scans), 'case')}, checked {format_time(moment)}.",
        "author": "segtrail",
        "description": f"What the checks found in the data set {name}.",
        "keywords": ["data set", "medical imaging", "quality control"],
        "run_id": f"data {fingerprint[:16]}",
        "header": name,
        "footer": "The checks look at files, headers and voxels; whether a label is right, a person has to see.",
    }
    return assemble(frame, parts)


def _verdict(results: Sequence[CheckResult]) -> Notice:
    counts = {
        severity: sum(result.severity == severity and not result.passed for result in results)
        for severity in ("error", "warning")
    }
    allowed = [result.check.id for result in results if result.allowed and result.findings]
    lines = []
    if counts["error"]:
        lines.append("Training does not start on these data until the errors are mended.")
    elif counts["warning"]:
        lines.append("Training may start. Look at the warnings first.")
    else:
        lines.append("Training may start.")
    if allowed:
        lines.append(f"Allowed by the configuration: {join_words(allowed)}.")
    said = [f"{severity}s in {format_count(count, 'check')}" for severity, count in counts.items() if count]
    title = join_words(said).capitalize() if said else f"No errors and no warnings in {len(results)} checks"
    tone: Tone = "bad" if counts["error"] else "warning" if counts["warning"] else "good"
    return Notice(title, lines, tone)


def _facts(description: DatasetDescription, scans: Sequence[CaseScan]) -> list[Fact]:
    images = [scan.image for scan in scans if scan.image is not None]
    facts = [
        Fact("Channels", _short(", ".join(description.modality.values()), _LONGEST_FACT)),
        Fact("Licence", _short(description.licence or "not stated", _LONGEST_FACT)),
    ]
    if images:
        facts += [
            Fact("Spacing (mm)", _axes(np.array([image.spacing_mm for image in images]), 2)),
            Fact("Voxels", _axes(np.array([image.shape for image in images]), 0)),
            Fact("Orientation", ", ".join(sorted({image.orientation for image in images})[:6])),
        ]
    names = list(description.class_names.values())
    for name in names[:_MOST_CLASSES]:
        volumes = [scan.volumes_ml[name] for scan in scans if name in scan.volumes_ml]
        if volumes:
            low, high = (format_number(value, "mL") for value in (min(volumes), max(volumes)))
            facts.append(
                Fact(_short(name, 22), f"{format_number(float(np.median(volumes)), 'mL')} ({low}–{high}) mL")
            )
    if len(names) > _MOST_CLASSES:
        facts.append(Fact("More classes", f"{len(names) - _MOST_CLASSES}, in checks.json"))
    return facts


def _axes(values: NDArray[Any], decimals: int) -> str:
    low, middle, high = values.min(axis=0), np.median(values, axis=0), values.max(axis=0)
    return " × ".join(
        f"{m:.{decimals}f}" if lo == hi else f"{m:.{decimals}f} ({lo:.{decimals}f} to {hi:.{decimals}f})"
        for lo, m, hi in zip(low, middle, high, strict=True)
    )


def _table(found: Sequence[CheckResult]) -> list[Part]:
    if not found:
        return []
    order = ("error", "warning", "note")
    ranked = sorted(found, key=lambda result: order.index(result.severity))
    rows = [
        Row([result.severity, result.check.title, _evidence(result)], TONES[result.severity])
        for result in ranked[:_ROWS]
    ]
    more = [result.check.id for result in ranked[_ROWS:]]
    if more:
        rows.append(Row(["", f"And {format_count(len(more), 'check')} more", ", ".join(more)]))
    columns = [Column("", 0.8), Column("Check", 2.2), Column("What was found", 4.6)]
    return [Table(columns, rows, "What the checks found. All findings and what to do stand in checks.json.")]


def _evidence(result: CheckResult) -> str:
    first = _short(describe_finding(result.findings[0]), _LONGEST_EVIDENCE)
    more = len(result.findings) - 1
    return f"{first} And {more:,} more." if more else first


def _passed(results: Sequence[CheckResult]) -> Paragraph:
    passed = [result.check.id for result in results if result.passed]
    return Paragraph(
        f"Passed ({len(passed)} of {len(results)}): {', '.join(passed) or 'none'}.", style="small"
    )


def _figure(
    description: DatasetDescription, scans: Sequence[CaseScan], results: Sequence[CheckResult]
) -> Figure:
    tones = tones_by_case(results)
    marked = sum(tones.get(scan.case) in ("bad", "warning") for scan in scans)
    return Figure(
        file="montage.png",
        alt=f"{format_count(len(scans), 'slice')} of the images of {_short(description.name, 60)}, one for each case, "
        "with the outlines of the labels.",
        caption="Every case: the axial slice with the most label, the patient's right on the left, both as the file's "
        f"header says; outlines of the labels in colour. {format_count(marked, 'case')} framed where a check found "
        "something. How to read it: look for cases that differ from their neighbours, and outlines that miss the "
        "organ.",
        content=montage_of(scans, results, _PAGE_PIXELS),
        fills_page=True,
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
