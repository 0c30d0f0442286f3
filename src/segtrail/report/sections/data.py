"""The data set: what it is, how its sides compare, and what the checks found."""

from segtrail.report.data_figures import MOST_VOLUMES, SIDES, draw_properties, properties_of
from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.parts import Facts, Figure, Heading, Paragraph, Part
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.data_description import (
    compare_sides,
    describe_checks,
    describe_source,
    describe_split,
)
from segtrail.report.wording import format_count, join_words


def data_section(contents: RunContents) -> list[Part]:
    """Build the section about the data set.

    Args:
        contents: The run.

    Returns:
        Facts, split, sides and checks, or a sentence where nothing was recorded.
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
        *describe_split(dataset),
        Heading("Sides compared", level=2),
        *_figure(dataset),
        *compare_sides(dataset),
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
