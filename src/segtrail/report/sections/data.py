"""The data set: what it is, how its sides compare, a picture of every case, and what the checks found."""

from pathlib import Path

from segtrail.report.case_groups import groups_of_cases, torn_groups
from segtrail.report.data_figures import MOST_VOLUMES, SIDES, draw_properties, properties_of
from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.montage import FILE_NAME as MONTAGE
from segtrail.report.montage import MOST_TILES_OF_RUN
from segtrail.report.parts import Facts, Figure, Heading, Paragraph, Part
from segtrail.report.png_file import read_png
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.data_description import (
    compare_sides,
    describe_checks,
    describe_source,
    describe_split,
)
from segtrail.report.wording import SIDE_NAMES, format_count, join_words

# A montage of few cases takes a part of the line alone, so that its tiles are as large as those of many.
_PIXELS_ACROSS, _NARROWEST_PERCENT = 1000, 20


def data_section(contents: RunContents) -> list[Part]:
    """Build the section about the data set.

    Args:
        contents: The run.

    Returns:
        Facts, split, sides, montage and checks, or a sentence where nothing was recorded.

    Raises:
        InputError: The montage is damaged.
    """
    heading = Heading("The data", starts_page=True)
    dataset = contents.dataset
    if dataset is None:
        text = "The data set is not recorded: the run folder holds no dataset_summary.json."
        return [heading, Paragraph(text, style="missing")]
    return [
        heading,
        Facts(describe_source(dataset)),
        Heading("Split", level=2),
        *describe_split(dataset, set(groups_of_cases(contents).values()), torn_groups(contents)),
        Heading("Sides compared", level=2),
        *_figure(dataset),
        *compare_sides(dataset),
        *_montage(contents.folder, dataset),
        Heading("Checks of the data", level=2),
        *describe_checks(dataset.checks),
    ]


def _figure(dataset: DatasetSummary) -> list[Part]:
    """Show every case by its side; nothing where the cases have no facts, as in a shared copy."""
    properties = properties_of(dataset)
    if not properties:
        return []
    named = join_words([item.title for item in properties])
    n_cases = sum(case.side in SIDES for case in dataset.cases)
    n_volumes = len(dataset.labels) - 1
    largest = f" Volumes of the {MOST_VOLUMES} largest classes." if n_volumes > MOST_VOLUMES else ""
    alt = f"Dot plots of {named} for {format_count(n_cases, 'case')}, a row for each side of the split."
    caption = (
        "Every case as a dot, the median of its side as a line. Of intensities the dot is the median of the image and "
        "the thin line goes from the 5th to the 95th percentile; a spacing that is the same everywhere is not drawn."
        f"{largest} How to read it: a side whose dots lie elsewhere is unlike the others."
    )
    return [Figure("sides.svg", alt, caption, draw_properties(properties))]


def _montage(run_dir: Path, dataset: DatasetSummary) -> list[Part]:
    """Show a slice of every case; nothing in runs of older versions and in shared copies, which have no montage."""
    found = read_png(run_dir / MONTAGE)
    if found is None:
        return []
    content, (width, _) = found
    n_cases = len(dataset.cases)
    n_shown = min(n_cases, MOST_TILES_OF_RUN)
    which = "Every case" if n_shown == n_cases else f"{n_shown} of {n_cases:,} cases, evenly spaced"
    order_of_sides = [*SIDE_NAMES, "unused"]
    sides = sorted((case.side for case in dataset.cases), key=order_of_sides.index)
    shown = [sides[number * n_cases // n_shown] for number in range(n_shown)]
    order = [f"{shown.count(side):,} {name}" for side, name in SIDE_NAMES.items() if side in shown]
    caption = (
        f"{which}: the axial slice with the most label, the patient's right on the left, both as the file's header "
        f"says; outlines of the labels in colour; line by line, {join_words(order)}. A frame stands where a check "
        "of the data found something. How to read it: look for cases that differ from their neighbours, and for "
        "outlines that miss the organ."
    )
    alt = (
        f"{format_count(n_shown, 'slice')} of the images, one for each case, with the outlines of the labels."
    )
    width_percent = min(100, max(_NARROWEST_PERCENT, round(100 * width / _PIXELS_ACROSS)))
    return [
        Heading("Montage", level=2),
        Figure(MONTAGE, alt, caption, content, width_percent),
    ]
