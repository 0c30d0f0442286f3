"""Regions: where the second network of a run looks, and how well that holds the organs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from segtrail.inference.guard_note import describe_note
from segtrail.report.parts import Column, Fact, Facts, Figure, Heading, Paragraph, Part, Row, Table
from segtrail.report.record_schema import RegionCase, Regions
from segtrail.report.region_figure import draw_regions, in_order
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import MISSING, SIDE_NAMES, format_count, format_number, join_words

_MOST_ROWS = 30
_MOST_ROWS_TOGETHER = 8


def regions_section(contents: RunContents) -> list[Part]:
    """Build the section about regions.

    Args:
        contents: The run.

    Returns:
        Sentences, facts, a figure and a table; nothing for a run without regions.
    """
    regions = contents.regions
    if regions is None:
        return []
    return [
        Heading("Regions"),
        Paragraph(_what_the_stages_do(regions, contents.config or {})),
        Facts(_facts(regions)),
        *_figure(regions),
        *_cases_of_note(regions.cases),
    ]


def _what_the_stages_do(regions: Regions, config: Mapping[str, Any]) -> str:
    return (
        f"The network “{regions.finder}” goes over the whole volume{_at_spacing(config, regions.finder)} and finds "
        f"the organs. The network “{regions.stage}” segments them{_at_spacing(config, regions.stage)}, and looks only "
        "at a region around what was found, or at several that overlap where one does not hold it all."
    )


def _at_spacing(config: Mapping[str, Any], stage: str) -> str:
    section: Any = config
    for key in ("stages", stage, "preprocess", "spacing"):
        section = section.get(key) if isinstance(section, Mapping) else None
    if not isinstance(section, list) or not all(isinstance(mm, int | float) for mm in section):
        return ""
    return f" at {' × '.join(f'{mm:g}' for mm in section)} mm"


def _facts(regions: Regions) -> list[Fact]:
    voxels, mm = (
        " × ".join(f"{size:{form}}" for size in sizes)
        for sizes, form in ((regions.region_voxels, "d"), (regions.region_mm, ".0f"))
    )
    training = (
        f"moved at random by up to {regions.shift_mm:g} mm along each axis, beyond the error they have; "
        f"{regions.anywhere_fraction:.0%} of the patches come from anywhere in the volume"
    )
    return [
        Fact("Size of a region", f"{voxels} voxels, {mm} mm (x × y × z)"),
        Fact("Regions in training", training),
        *[
            Fact(SIDE_NAMES[side].capitalize() + " cases", _measured(regions, side))
            for side in ("train", "val")
            if any(entry.side == side for entry in regions.cases)
        ],
    ]


def _measured(regions: Regions, side: str) -> str:
    cases = [entry for entry in regions.cases if entry.side == side]
    distances = [entry.distance_mm for entry in cases if entry.distance_mm is not None]
    found_by = _found_by(regions.finder, cases) if side == "train" else f"found by “{regions.finder}”"
    if not distances:
        return f"{found_by}; none could be measured"
    cut = sum(entry.is_cut for entry in cases)
    whole = "every organ whole inside" if not cut else f"{format_count(cut, 'organ')} not whole inside"
    unmeasured = len(cases) - len(distances)
    missing = f"; {format_count(unmeasured, 'case')} without an organ or a region" if unmeasured else ""
    return (
        f"{found_by}; centre off by {sum(distances) / len(distances):.1f} mm in the mean, "
        f"{max(distances):.1f} mm at most; {whole}{missing}"
    )


def _found_by(finder: str, cases: Sequence[RegionCase]) -> str:
    networks = {entry.network for entry in cases}
    if finder in networks:
        return f"found by “{finder}” itself, which was trained on them, so better than in new cases"
    return f"found by {format_count(len(networks), 'network')} that did not train on them"


def _figure(regions: Regions) -> list[Part]:
    cases = in_order(regions.cases)
    if not cases:
        return [Paragraph("No region could be measured against a reference.", style="missing")]
    worst = max(cases, key=lambda entry: entry.distance_mm or 0.0)
    tight = min(cases, key=lambda entry: entry.least_room_mm or 0.0)
    alt = (
        f"Two charts with a point for each of {format_count(len(cases), 'case')}: distance of the region's centre "
        f"from the organ's, at most {format_number(worst.distance_mm, 'mm')} mm ({worst.case}), and room between "
        f"organ and border of the region, at least {format_number(tight.least_room_mm, 'mm')} mm ({tight.case})."
    )
    caption = (
        "Distance of the centre of what was found from the centre of the organ, and least room between organ and "
        "border of the region, for each case. How to read it: a distance alone does no harm as long as there is "
        "room; below zero (tinted) the border cuts the organ. Validation cases that lie far above the training "
        "cases are found worse than the second network was trained for."
    )
    return [Figure("regions.svg", alt, caption, draw_regions(cases))]


def _cases_of_note(cases: Sequence[RegionCase]) -> list[Part]:
    of_note = [entry for entry in cases if entry.is_cut or entry.guard]
    if not of_note:
        return [Paragraph("Every region holds its organ whole, and no search had the guard's attention.")]
    ordered = sorted(of_note, key=lambda entry: (not entry.is_cut, entry.side != "val"))
    rows = [_row(entry) for entry in ordered[:_MOST_ROWS]]
    columns = [
        Column("Case", 1.1),
        Column("Side", 0.9),
        Column("Inside (%)", 0.75, "right"),
        Column("Room (mm)", 0.75, "right"),
        Column("What was out of the ordinary, and what the guard did", 4.2),
    ]
    rest = len(ordered) - len(rows)
    more = f" {format_count(rest, 'more case', 'more cases')} in regions.json." if rest else ""
    caption = (
        f"{_counts(cases)} How to read it: inside is the share of the organ that the regions hold; tinted rows do not "
        f"hold it whole.{more}"
    )
    return [Table(columns, rows, caption, keep_together=len(rows) <= _MOST_ROWS_TOGETHER)]


def _counts(cases: Sequence[RegionCase]) -> str:
    cut, doubted = sum(entry.is_cut for entry in cases), sum(bool(entry.guard) for entry in cases)
    parts = [f"{format_count(cut, 'case')} whose regions do not hold the organ whole"] if cut else []
    parts += (
        [f"{format_count(doubted, 'case')} where the search had the guard's attention"] if doubted else []
    )
    return f"Of {format_count(len(cases), 'case')}: {join_words(parts)}."


def _row(entry: RegionCase) -> Row:
    notes = " ".join(describe_note(note) for note in entry.guard)
    cells = [
        entry.case,
        SIDE_NAMES[entry.side],
        _share(entry.covered_percent),
        MISSING if entry.least_room_mm is None else format_number(round(entry.least_room_mm, 1), "%"),
        notes or "The guard saw nothing.",
    ]
    return Row(cells, "bad" if entry.is_cut else "neutral")


def _share(percent: float | None) -> str:
    """A share that is rounded down, so that nothing short of all reads as all."""
    return MISSING if percent is None else f"{math.floor(percent * 10) / 10:.1f}"
