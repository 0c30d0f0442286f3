"""What is said beside a picture of surfaces: how to read it, and how far they lie apart."""

from collections.abc import Mapping

from segtrail.report.surface_view import DIRECTIONS, LIMIT_MM, SeenSurface, SurfaceView
from segtrail.report.wording import join_words, printable

_CLASSES_NAMED = 4


def surface_caption(
    case: str, side: str, view: SurfaceView, class_names: Mapping[int, str], tolerance_mm: float
) -> str:
    """Write the caption of a picture of surfaces.

    Args:
        case: The case.
        side: "validation" or "test".
        view: What the picture shows.
        class_names: Names of the classes by label.
        tolerance_mm: From which distance on a difference counts, as for the NSD of the run.

    Returns:
        Sentences that tell how to read it, what it shows and what it leaves out.
    """
    sentences = [
        f"{case} ({side}), surfaces: the predicted one above, that of the reference below. Blue is where the "
        "prediction is too small, orange where it is too large.",
        *_distances(view, tolerance_mm),
        *_beyond(view),
        *_uncompared(view, class_names),
    ]
    return " ".join(sentences)


def surface_alt_text(
    case: str, view: SurfaceView, class_names: Mapping[int, str], tolerance_mm: float
) -> str:
    """Describe a picture of surfaces to somebody who can't see it.

    Args:
        case: The case.
        view: What the picture shows.
        class_names: Names of the classes by label.
        tolerance_mm: From which distance on a difference counts, as for the NSD of the run.

    Returns:
        Sentences for a screen reader.
    """
    directions = join_words([direction.name for direction in DIRECTIONS])
    sentences = [
        f"The surfaces of case {case} in {directions} view, the predicted one above and that of the reference below, "
        f"coloured from blue (prediction too small by {LIMIT_MM:.0f} mm or more) over white to orange (too large by "
        f"{LIMIT_MM:.0f} mm or more).",
        *_distances(view, tolerance_mm),
        *_uncompared(view, class_names),
    ]
    return " ".join(sentences)


def _distances(view: SurfaceView, tolerance_mm: float) -> list[str]:
    if view.prediction.distances_mm.size == 0:
        return []
    return [
        f"Of the predicted surface {_share(view.prediction.percent_outside(tolerance_mm))} lies more than "
        f"{tolerance_mm:g} mm outside of the reference and {_share(view.prediction.percent_inside(tolerance_mm))} more "
        f"than that inside; of the reference’s surface {_share(view.reference.percent_inside(tolerance_mm))} lies more "
        f"than {tolerance_mm:g} mm outside of the prediction."
    ]


def _beyond(view: SurfaceView) -> list[str]:
    """Say where the colours end."""
    if view.prediction.distances_mm.size == 0:
        return []
    predicted, reference = (_share(_percent_beyond(seen)) for seen in (view.prediction, view.reference))
    return [
        f"The colours end at {LIMIT_MM:.0f} mm; {predicted} of the predicted surface and {reference} of the "
        "reference’s lie beyond."
    ]


def _percent_beyond(surface: SeenSurface) -> float:
    return surface.percent_outside(LIMIT_MM) + surface.percent_inside(LIMIT_MM)


def _share(percent: float) -> str:
    if percent == 0:
        return "nothing"
    return "less than 1%" if percent < 1 else f"{percent:.0f}%"


def _uncompared(view: SurfaceView, class_names: Mapping[int, str]) -> list[str]:
    sentences = []
    for surface, where in ((view.prediction, "the prediction"), (view.reference, "the reference")):
        if surface.uncompared:
            names = [printable(class_names.get(label, f"label {label}")) for label in surface.uncompared]
            more = len(names) - _CLASSES_NAMED
            named = names if more <= 0 else [*names[:_CLASSES_NAMED], f"{more} more"]
            sentences.append(f"Grey, since only {where} holds it: {join_words(named)}.")
    return sentences
