"""Pictures of the worst, the median and the best case, and of every flagged one."""

from collections.abc import Sequence

from segtrail.errors import InputError
from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.png_file import read_png
from segtrail.report.record_schema import Example, ExampleSurface
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import format_count, join_words

_RANKS = ("worst", "median", "best", "flagged")
# Of the line, in per cent: planes alone stand three to a page, with surfaces a case has its page.
_WIDTH_ALONE = 90
_WIDTH_WITH_SURFACES = 100
_WIDTH_EARLY = 94

_HOW_TO_READ = (
    "In the planes, solid contours are the reference, dashed ones the prediction. They cut the organ where "
    "it is largest; those of a case share one scale. Names of planes and letters (R right, L left, A anterior, P "
    "posterior, S superior, I inferior) follow the orientation in the image file's header, which is not checked "
    "against the anatomy."
)
_HOW_TO_READ_SURFACES = (
    "The surfaces are coloured by how far that of the prediction lies from that of the reference: blue where the "
    "prediction is too small, orange where it is too large, with one scale of −5 to 5 mm for all cases. Look at the "
    "reference for what was missed and at the prediction for what is too much: a part that one of them lacks "
    "altogether can be seen on the other one alone."
)
_WHERE_MORE_ARE = (
    "Those with the lowest Dice are shown; the column status of metrics_cases.csv and the entries guard of "
    "inference.json tell all."
)


def best_picture(contents: RunContents) -> list[Part]:
    """Give the picture of the best case for the first page.

    Args:
        contents: The run.

    Returns:
        One figure, or nothing where there is no picture.
    """
    examples = _examples(contents)
    best = [example for example in examples if example.rank == "best"]
    if not best:
        return []
    ranks = [example.rank for example in examples if example.rank in ("worst", "median")]
    verb = "stands" if len(ranks) == 1 else "stand"
    others = f"The {join_words(list(ranks))} case {verb} under “Pictures of cases”. " if ranks else ""
    where = f"{others}Planes and letters are those of the file's header."
    return [
        _figure(
            contents,
            best[0].case,
            best[0],
            f"The best case, not a typical one. {best[0].caption} {where}",
            _WIDTH_EARLY,
        )
    ]


def pictures_section(contents: RunContents) -> list[Part]:
    """Build the section of pictures; a case that holds several ranks is shown once.

    Args:
        contents: The run.

    Returns:
        The planes and the surfaces of each case, or a sentence where there is none.
    """
    examples = _examples(contents)
    # A case with surfaces takes its page, and the words before the first one would stay behind on another.
    heading = Heading("Pictures of cases", starts_page=any(example.surface for example in examples))
    if not examples:
        return [
            heading,
            Paragraph("No pictures: examples/ holds none, because no case was evaluated.", style="missing"),
        ]
    parts: list[Part] = [heading, Paragraph(_HOW_TO_READ + _which_median(contents, examples))]
    if any(example.surface for example in examples):
        parts.append(Paragraph(_HOW_TO_READ_SURFACES))
    for case in dict.fromkeys(example.case for example in examples):
        parts += _pictures_of_case(contents, [example for example in examples if example.case == case])
    return [*parts, *_not_drawn(contents)]


def _which_median(contents: RunContents, examples: Sequence[Example]) -> str:
    """Say which of two cases in the middle is shown, where there are two."""
    shown = {example.case for example in examples}
    sides = {row.split for row in contents.cases or [] if row.case in shown}
    scored = {row.case for row in contents.cases or [] if row.split in sides and row.status != "left_out"}
    has_median = any(example.rank == "median" for example in examples)
    two_in_the_middle = len(sides) == 1 and len(scored) % 2 == 0
    return (
        " Of an even number of cases, the median one is the lower of the two in the middle."
        if has_median and two_in_the_middle
        else ""
    )


def _pictures_of_case(contents: RunContents, same: Sequence[Example]) -> list[Part]:
    """The planes of a case, and its surfaces where they were drawn."""
    first = same[0]
    ranks = [example.rank for example in same]
    if first.reasons and "flagged" not in ranks:
        ranks.append("flagged")
    caption = f"{join_words(list(ranks)).capitalize()} case. {first.caption}"
    surface = first.surface
    if surface is None:
        return [_figure(contents, first.case, first, caption, _WIDTH_ALONE)]
    return [
        _figure(contents, first.case, first, caption, _WIDTH_WITH_SURFACES, keeps_with_next=True),
        _figure(contents, first.case, surface, surface.caption, _WIDTH_WITH_SURFACES),
    ]


def _not_drawn(contents: RunContents) -> list[Part]:
    n_more = 0 if contents.examples is None else contents.examples.flagged_not_drawn
    if n_more == 0:
        return []
    have = "has no picture" if n_more == 1 else "have no pictures"
    return [Paragraph(f"{format_count(n_more, 'more flagged case')} {have}. {_WHERE_MORE_ARE}")]


def _examples(contents: RunContents) -> Sequence[Example]:
    if contents.examples is None:
        return []
    return sorted(contents.examples.examples, key=lambda example: _RANKS.index(example.rank))


def _figure(
    contents: RunContents,
    case: str,
    picture: Example | ExampleSurface,
    caption: str,
    width_percent: int,
    *,
    keeps_with_next: bool = False,
) -> Part:
    """A figure of a PNG; a sentence where the file is missing."""
    path = contents.folder / "examples" / picture.file
    if path.parent.resolve() != (contents.folder / "examples").resolve() or path.suffix.lower() != ".png":
        raise InputError(
            f"examples/examples.json names {picture.file!r}; a PNG inside examples/ is expected."
        )
    found = read_png(path)
    if found is None:
        what = f" ({picture.rank})" if isinstance(picture, Example) else "’s surfaces"
        return Paragraph(f"The picture of {case}{what} is missing: examples/{path.name}.", "missing")
    return Figure(path.name, picture.alt, caption, found[0], width_percent, keeps_with_next=keeps_with_next)
