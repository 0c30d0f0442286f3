"""What is said beside a picture of a case: for readers who see it, and for those who don't."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segtrail.report.case_view import CaseView
from segtrail.report.wording import format_number

_CLASSES_NAMED = 4


@dataclass(frozen=True)
class ClassScores:
    """The numbers of one class in one case; None or NaN where one is undefined."""

    name: str
    dice: float | None
    hd95_mm: float | None
    reference_volume_ml: float | None
    predicted_volume_ml: float | None


def caption(
    case: str, side: str, scores: Sequence[ClassScores], view: CaseView, reasons: Sequence[str] = ()
) -> str:
    """Write the caption of a case picture.

    Args:
        case: The case.
        side: "validation" or "test".
        scores: One entry for each class.
        view: What the picture shows, from `choose_view`.
        reasons: Why the case is flagged, in sentences.

    Returns:
        Sentences with the numbers, why the case is flagged and what the picture leaves out.
    """
    sentences = [f"{case} ({side}): {_numbers(scores)}."]
    if reasons:
        sentences.append(f"Flagged: {' '.join(reasons)}")
    if view.predicted_outside_ml > 0:
        volume = format_number(view.predicted_outside_ml, "mL")
        amount = f"{volume} mL" if view.predicted_outside_ml >= 0.05 else "Less than 0.1 mL"
        sentences.append(f"{amount} of the prediction lies outside the field shown.")
    if view.regions:
        what = "the region" if len(view.regions) == 1 else f"all {len(view.regions)} regions"
        sentences.append(f"The thin white line is the edge of {what} that the second network looked at.")
    return " ".join(sentences)


def alt_text(case: str, scores: Sequence[ClassScores], view: CaseView) -> str:
    """Describe a case picture to somebody who can't see it.

    Args:
        case: The case.
        scores: One entry for each class.
        view: What the picture shows, from `choose_view`.

    Returns:
        Sentences for a screen reader.
    """
    x, y, z = (index + 1 for index in view.slices)
    return (
        f"Axial slice {z}, coronal slice {y} and sagittal slice {x} of case {case}, a field of "
        f"{view.field_side_mm:.0f} mm around the organ, with the contours of the reference (solid) and of "
        f"the prediction (dashed){_outline_words(view)}. {_numbers(scores)}."
    )


def _outline_words(view: CaseView) -> str:
    if not view.regions:
        return ""
    return f", and the edge of the {'region' if len(view.regions) == 1 else 'regions'} looked at (thin)"


def _numbers(scores: Sequence[ClassScores]) -> str:
    if len(scores) <= _CLASSES_NAMED:
        return "; ".join(_class_numbers(score) for score in scores)
    defined = [
        (score.dice, score.name) for score in scores if score.dice is not None and math.isfinite(score.dice)
    ]
    if not defined:
        return f"none of {len(scores)} classes is in reference or prediction"
    mean = sum(dice for dice, _ in defined) / len(defined)
    lowest = ", ".join(f"{name} {format_number(dice)}" for dice, name in sorted(defined)[:3])
    return f"mean Dice of {len(defined)} classes {format_number(mean)}; lowest: {lowest}"


def _class_numbers(score: ClassScores) -> str:
    if score.dice is None or math.isnan(score.dice):
        return f"{score.name} in neither reference nor prediction"
    volumes = (
        f"reference {format_number(score.reference_volume_ml, 'mL')} mL, "
        f"prediction {format_number(score.predicted_volume_ml, 'mL')} mL"
    )
    distance = "" if score.hd95_mm is None else f"HD95 {format_number(score.hd95_mm, 'mm')} mm, "
    return f"{score.name} Dice {format_number(score.dice)}, {distance}{volumes}"
