"""Pictures of the best, the median and the worst case."""

import io
from collections.abc import Sequence

from PIL import Image

from segtrail.errors import InputError
from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.record_schema import Example
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import join_words

_RANKS = ("best", "median", "worst")
# Of the line, in per cent: at this width three pictures stand on a page.
_WIDTH = 90
_WIDTH_EARLY = 94

_HOW_TO_READ = (
    "Solid contours are the reference, dashed ones the prediction. The planes cut the organ where it is "
    "largest and share one scale. Names of planes and letters (R right, L left, A anterior, P posterior, "
    "S superior, I inferior) follow the orientation in the image file's header, which is not checked against "
    "the anatomy."
)


def best_picture(contents: RunContents) -> list[Part]:
    """Give the picture of the best case for the first page.

    Args:
        contents: The run.

    Returns:
        One figure, or nothing where there is no picture.
    """
    best = [example for example in _examples(contents) if example.rank == "best"]
    if not best:
        return []
    where = "Median and worst case stand under “Pictures of cases”, with how to read them."
    return [
        _figure(
            contents, best[0], f"The best case, not a typical one. {best[0].caption} {where}", _WIDTH_EARLY
        )
    ]


def pictures_section(contents: RunContents) -> list[Part]:
    """Build the section of pictures; a case that holds several ranks is shown once.

    Args:
        contents: The run.

    Returns:
        A figure for each case, or a sentence where there is none.
    """
    heading = Heading("Pictures of cases")
    examples = _examples(contents)
    if not examples:
        return [
            heading,
            Paragraph("No pictures: examples/ holds none, because no case was evaluated.", style="missing"),
        ]
    parts: list[Part] = [heading, Paragraph(_HOW_TO_READ)]
    for case in dict.fromkeys(example.case for example in examples):
        same = [example for example in examples if example.case == case]
        ranks = join_words([example.rank for example in same]).capitalize()
        parts.append(_figure(contents, same[0], f"{ranks} case. {same[0].caption}", _WIDTH))
    return parts


def _examples(contents: RunContents) -> Sequence[Example]:
    if contents.examples is None:
        return []
    return sorted(contents.examples.examples, key=lambda example: _RANKS.index(example.rank))


def _figure(contents: RunContents, example: Example, caption: str, width_percent: int) -> Part:
    """A figure of an example's PNG; a sentence where the file is missing."""
    path = contents.folder / "examples" / example.file
    if path.parent.resolve() != (contents.folder / "examples").resolve() or path.suffix.lower() != ".png":
        raise InputError(
            f"examples/examples.json names {example.file!r}; a PNG inside examples/ is expected."
        )
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            picture.load()
    except FileNotFoundError:
        return Paragraph(
            f"The picture of {example.case} ({example.rank}) is missing: examples/{path.name}.", "missing"
        )
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path} is damaged and can't be shown ({error}). Restore it, or evaluate the run again."
        ) from None
    return Figure(path.name, example.alt, caption, content, width_percent)
