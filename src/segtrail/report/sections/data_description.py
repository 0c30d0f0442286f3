"""The data set: facts, split, aggregates of each side, and what the checks found."""

from collections.abc import Collection, Sequence
from statistics import median

from segtrail.report.dataset_schema import Aggregate, CheckOutcome, DatasetSummary, Finding, VectorRange
from segtrail.report.parts import Column, Fact, Facts, Heading, Paragraph, Part, Row, Table, Tone
from segtrail.report.wording import MISSING, SIDE_NAMES, as_sentence, format_count, format_number

_FINDINGS_SHOWN = 20
_SIDE_ORDER = ("all", "train", "val", "test")
_ROWS_TOGETHER = 16
_MOST_CHANNELS = 4
_PERCENTILES = {"5": "5th percentile", "50": "median", "95": "95th percentile"}
# From here on intensities are given without decimals.
_LARGE_INTENSITY = 100
_FAILED_WORDS = {"error": "failed", "warning": "warning", "note": "note"}
_FAILED_TONES: dict[str, Tone] = {"error": "bad", "warning": "warning", "note": "neutral"}


def describe_data(dataset: DatasetSummary) -> list[Part]:
    """Say what the data set is, how it was divided, and how its sides compare.

    Args:
        dataset: dataset_summary.json.

    Returns:
        Facts, split and aggregates.
    """
    return [
        Facts(describe_source(dataset)),
        Heading("Split", level=2),
        *describe_split(dataset, {case.group for case in dataset.cases if case.group}, []),
        Heading("Sides compared", level=2),
        *compare_sides(dataset),
    ]


def describe_source(dataset: DatasetSummary) -> list[Fact]:
    """Say what the data set is and where it comes from; what is not stated is left out or named so."""
    optional = [
        Fact("Description", dataset.description or ""),
        Fact("Licence", dataset.licence or "not stated"),
        Fact("Source", dataset.reference or "not stated"),
        Fact("Release", dataset.release or ""),
        Fact("Modality", ", ".join(dataset.modality.values())),
        Fact("Labels", ", ".join(f"{value} {name}" for value, name in dataset.labels.items())),
        Fact("SHA-256 of dataset.json", dataset.dataset_json_sha256, code=True),
        Fact("Fingerprint of the data", dataset.fingerprint, code=True),
    ]
    return [Fact("Name", dataset.name), *(fact for fact in optional if fact.text)]


def describe_split(dataset: DatasetSummary, groups: Collection[str], torn: Sequence[str]) -> list[Part]:
    """Say how the cases were divided, which are on which side, and whether groups were kept whole."""
    split = dataset.split
    method = {"named": "by named lists", "fraction": "at random, by fraction"}.get(split.method, split.method)
    details = [f"seed {split.seed}"] if split.seed is not None and split.method != "named" else []
    details += [f"validation fraction {split.val_frac:g}"] if split.val_frac is not None else []
    facts = [Fact("Method", ", ".join([method, *details]))]
    facts += [Fact("Hash of the split", split.hash, code=True)] if split.hash else []
    for side, name in SIDE_NAMES.items():
        cases = [case.case for case in dataset.cases if case.side == side]
        if cases:
            facts.append(Fact(name.capitalize(), f"{format_count(len(cases), 'case')}: {', '.join(cases)}"))
    if dataset.left_out:
        named = ", ".join(f"{item.case} ({', '.join(item.checks)})" for item in dataset.left_out)
        facts.append(Fact("Left out", f"{named}, as data.allow says"))
    if groups:
        kept = f"on more than one side: {', '.join(torn)}" if torn else "each kept on one side"
        facts.append(Fact("Groups", f"{format_count(len(groups), 'group')}, {kept}"))
    return [Facts(facts)]


def compare_sides(dataset: DatasetSummary) -> list[Part]:
    """Build the table of spacing, size, intensities and volumes of each side, or a sentence where there is none."""
    sides = [side for side in _SIDE_ORDER if side in dataset.aggregates]
    if not sides:
        return [Paragraph("No aggregates were recorded.", style="missing")]
    columns = [Column("Property", 2.2)]
    columns += [Column(SIDE_NAMES.get(side, side).capitalize(), 1.4, "right") for side in sides]
    aggregates = [dataset.aggregates[side] for side in sides]
    rows = [
        Row(["Cases", *(f"{aggregate.n_cases:,}" for aggregate in aggregates)]),
        *(
            Row(
                [
                    f"Spacing {axis} (mm)",
                    *(_axis_range(aggregate.spacing_mm, place, 2) for aggregate in aggregates),
                ]
            )
            for place, axis in enumerate("xyz")
        ),
        *(
            Row([f"Voxels {axis}", *(_axis_range(aggregate.shape, place, 0) for aggregate in aggregates)])
            for place, axis in enumerate("xyz")
        ),
    ]
    names = dict.fromkeys(name for aggregate in aggregates for name in aggregate.volume_ml)
    rows += _intensity_rows(dataset, sides)
    rows += [
        Row([f"Volume of {name} (mL)", *(_volume_range(item, name) for item in aggregates)]) for name in names
    ]
    caption = (
        "Median, with least and greatest in brackets where they differ. How to read it: where the sides "
        "differ much, a result on one may say little about the other."
    )
    return [Table(columns, rows, caption, keep_together=len(rows) <= _ROWS_TOGETHER)]


def _intensity_rows(dataset: DatasetSummary, sides: Sequence[str]) -> list[Row]:
    """The intensities of each channel at three percentiles: median over the cases, least and greatest."""
    rows = []
    for channel, name in enumerate(list(dataset.modality.values())[:_MOST_CHANNELS]):
        for percentile, words in _PERCENTILES.items():
            found = [_intensities(dataset, side, channel, percentile) for side in sides]
            if any(found):
                rows.append(Row([f"Intensity of {name}, {words}", *map(_intensity_range, found)]))
    return rows


def _intensities(dataset: DatasetSummary, side: str, channel: int, percentile: str) -> list[float]:
    cases = [case for case in dataset.cases if side in ("all", case.side)]
    return [
        case.percentiles(channel)[percentile] for case in cases if percentile in case.percentiles(channel)
    ]


def _intensity_range(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    low, middle, high = (_intensity(value) for value in (min(values), median(values), max(values)))
    return low if low == high else f"{middle} ({low} to {high})"


def _intensity(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= _LARGE_INTENSITY else f"{value:.3g}"
    return text.replace("-", "−")


def _axis_range(values: VectorRange, place: int, decimals: int) -> str:
    low, median, high = (f"{row[place]:,.{decimals}f}" for row in (values.min, values.median, values.max))
    return low if low == high else f"{median} ({low} to {high})"


def _volume_range(aggregate: Aggregate, name: str) -> str:
    volume = aggregate.volume_ml.get(name)
    if volume is None:
        return MISSING
    low, median, high = (format_number(value, "mL") for value in (volume.min, volume.median, volume.max))
    return low if low == high else f"{median} ({low} to {high})"


def describe_checks(checks: list[CheckOutcome]) -> list[Part]:
    """Name the checks that passed, and build the table of those that found something with what that is.

    Args:
        checks: What was checked before training.

    Returns:
        A paragraph, and the table where a check found something; a sentence where none was made.
    """
    if not checks:
        return [Paragraph("No checks were recorded.", style="missing")]
    passed = [check.title for check in checks if check.status == "passed"]
    failed = [check for check in checks if check.status == "failed"]
    counted = f"{len(passed)} of {format_count(len(checks), 'check')} before training passed"
    parts: list[Part] = [Paragraph(f"{counted}: {'; '.join(passed)}." if passed else f"{counted}.")]
    if failed:
        rows = [
            Row([check.title, _outcome(check), _evidence(check)], _FAILED_TONES[check.severity])
            for check in failed
        ]
        columns = [Column("Check", 2.2), Column("Outcome", 0.8), Column("What was found", 3.5)]
        caption = f"{format_count(len(failed), 'check')} that found something."
        parts.append(Table(columns, rows, caption, keep_together=len(rows) <= _ROWS_TOGETHER))
    return parts


def _outcome(check: CheckOutcome) -> str:
    return f"{_FAILED_WORDS[check.severity]}, allowed" if check.allowed else _FAILED_WORDS[check.severity]


def _evidence(check: CheckOutcome) -> str:
    if not check.findings:
        return as_sentence(check.remedy)
    found = [describe_finding(finding) for finding in check.findings[:_FINDINGS_SHOWN]]
    more = len(check.findings) - len(found)
    if more > 0:
        found.append(f"And {more:,} more, listed in dataset_summary.json.")
    return " ".join([*found, f"What to do: {check.remedy}" if check.remedy else ""]).strip()


def describe_finding(finding: Finding) -> str:
    """Put what a check found into a sentence, its case first."""
    evidence = finding.evidence
    return f"{finding.case}: {evidence.rstrip('.')}." if finding.case else as_sentence(evidence)
