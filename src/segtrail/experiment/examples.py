"""``examples/``: pictures of the best, the median and the worst case, and of every flagged one."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.atomic import write_json
from segtrail.dataset.description import DatasetDescription
from segtrail.evaluation.evaluate import ClassResult
from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume, read_channels, read_volume
from segtrail.inference.guard_note import GuardNote, describe_note
from segtrail.inference.regions import Box
from segtrail.record.run_folder import read_json
from segtrail.report.case_panels import draw_case_panel
from segtrail.report.case_text import ClassScores, alt_text, caption
from segtrail.report.surface_panel import draw_surface_panel
from segtrail.report.surface_text import surface_alt_text, surface_caption
from segtrail.report.surface_view import SurfaceView, view_surfaces
from segtrail.report.wording import as_sentence

_RANKS = ("best", "median", "worst")
_MOST_FLAGGED = 12
# Where a result has no NSD, the tolerance that the configuration has when it names none.
_USUAL_TOLERANCE_MM = 2.0
_FAILURES = {
    "missed": "{} was missed: it is there, and nothing of it was predicted.",
    "false_positive": "{} was predicted where there is none.",
}


@dataclass(frozen=True)
class ChosenCase:
    """A case chosen for a picture.

    Attributes:
        rank: ``best``, ``median`` or ``worst``, else ``flagged``.
        case: Its name.
        class_mean_dice: Mean Dice over its classes; None where it has none to score.
        reasons: Why it is flagged, in sentences; a case with another rank may be flagged too.
    """

    rank: str
    case: str
    class_mean_dice: float | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChosenCases:
    """The cases chosen for pictures, and how many flagged ones were too many."""

    drawn: Sequence[ChosenCase]
    flagged_not_drawn: int


def choose_cases(results: Sequence[ClassResult], doubts: Mapping[str, Sequence[str]]) -> ChosenCases:
    """Choose the best, the median and the worst case by the mean Dice over classes, and every flagged one.

    A case is flagged where a class was missed or is a false positive, and where something was doubted.

    Args:
        results: Results of one side of the split.
        doubts: Sentences on what was out of the ordinary, by case.

    Returns:
        Each case once: the ranked ones, then at most 12 flagged ones, the lowest Dice first. A case with nothing to
        score has no rank.
    """
    dice = _mean_dice(results)
    reasons = _reasons(results, doubts)
    ranks = _ranks(dice)
    flagged = sorted(
        (case for case, why in reasons.items() if why and case not in ranks),
        key=lambda case: (dice.get(case, math.inf), case),
    )
    ranked = [ChosenCase(rank, case, dice[case], reasons[case]) for case, rank in ranks.items()]
    drawn = flagged[:_MOST_FLAGGED]
    return ChosenCases(
        [*ranked, *(ChosenCase("flagged", case, dice.get(case), reasons[case]) for case in drawn)],
        len(flagged) - len(drawn),
    )


def _mean_dice(results: Sequence[ClassResult]) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for result in results:
        if result.metrics.status != "left_out":
            scores.setdefault(result.case, []).append(result.metrics.dice)
    return {case: float(np.mean(dice)) for case, dice in scores.items()}


def _ranks(dice: Mapping[str, float]) -> dict[str, str]:
    """The rank of the best, the worst and the median case; the first of them where a case holds several."""
    order = sorted(dice, key=lambda case: (dice[case], case), reverse=True)
    ranks: dict[str, str] = {}
    for rank, place in (("best", 0), ("worst", len(order) - 1), ("median", len(order) // 2)):
        if order:
            ranks.setdefault(order[place], rank)
    return dict(sorted(ranks.items(), key=lambda pair: _RANKS.index(pair[1])))


def _reasons(
    results: Sequence[ClassResult], doubts: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    reasons: dict[str, list[str]] = {}
    for result in results:
        of_case = reasons.setdefault(result.case, [])
        if result.metrics.status in _FAILURES:
            of_case.append(as_sentence(_FAILURES[result.metrics.status].format(result.class_name)))
    return {case: (*of_case, *doubts.get(case, ())) for case, of_case in reasons.items()}


@dataclass(frozen=True)
class CaseSources:
    """What a picture of a case is drawn from.

    Attributes:
        images: The image, or a file for each of its channels; the first channel is shown.
        reference: Its reference label map.
        prediction: Its predicted label map.
        regions: Where the second network looked.
    """

    images: Sequence[Path]
    reference: Path
    prediction: Path
    regions: Sequence[Box] = ()


def draw_examples(run_dir: Path, description: DatasetDescription, results: list[ClassResult]) -> None:
    """Draw the pictures of a run from its predictions, and list them in ``examples/examples.json``.

    Args:
        run_dir: The run folder; its predictions and inference.json are read.
        description: The data set the cases come from.
        results: Results of one side of the split.
    """
    seen = {entry["case"]: entry for entry in read_json(run_dir / "inference.json")["cases"]}
    doubts = {
        case: [describe_note(GuardNote(**note)) for note in entry["guard"]] for case, entry in seen.items()
    }

    def sources(case: str) -> CaseSources:
        files = description.case(case)
        return CaseSources(
            files.image_paths(description.root),
            description.root / files.label,
            run_dir / "predictions" / f"{case}.nii.gz",
            [Box.of_record(region) for region in seen[case]["regions"]],
        )

    draw_chosen(run_dir / "examples", results, sources, description.class_names, doubts)


def draw_chosen(
    folder: Path,
    results: list[ClassResult],
    sources: Callable[[str], CaseSources],
    class_names: Mapping[int, str],
    doubts: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Draw the best, the median, the worst and the flagged cases, and list the pictures in ``examples.json``.

    Args:
        folder: Where the pictures come to.
        results: Results of one side of the split.
        sources: Gives what a case is drawn from.
        class_names: Names of the classes without background, by label value.
        doubts: Sentences on what was out of the ordinary, by case.
    """
    chosen = choose_cases(results, doubts or {})
    examples = [
        _draw(folder, one, sources(one.case), class_names, [r for r in results if r.case == one.case])
        for one in chosen.drawn
    ]
    content = {
        "schema_version": 1,
        "examples": examples,
        "flagged_not_drawn": chosen.flagged_not_drawn,
    }
    write_json(folder / "examples.json", content)


def _draw(
    folder: Path,
    chosen: ChosenCase,
    sources: CaseSources,
    class_names: Mapping[int, str],
    results: Sequence[ClassResult],
) -> dict[str, Any]:
    """Draw the planes and the surfaces of a case, and describe both."""
    case, file = chosen.case, f"{chosen.rank}_{chosen.case}.png"
    image = read_channels(list(sources.images))
    reference = _labels_in_ras(read_volume(sources.reference))
    prediction = _labels_in_ras(read_volume(sources.prediction))
    reorientation = RasReorientation.of(image.affine)
    ras_spacing = spacing_mm(reorientation.apply_to_affine(image.affine, image.spatial_shape))
    view = draw_case_panel(
        folder / file,
        reorientation.apply(image.data[0]),
        reference,
        prediction,
        ras_spacing,
        class_names,
        title=case,
        regions=list(sources.regions),
    )
    side = {"val": "validation"}.get(results[0].split, results[0].split)
    scores = [_class_scores(result) for result in results]
    entry: dict[str, Any] = {
        "rank": chosen.rank,
        "case": case,
        "class_mean_dice": chosen.class_mean_dice,
        "reasons": list(chosen.reasons),
        "file": file,
        "alt": alt_text(case, scores, view),
        "caption": caption(case, side, scores, view, chosen.reasons),
    }
    surfaces = view_surfaces(reference, prediction, ras_spacing, class_names)
    if surfaces is not None:
        entry["surface"] = _draw_surfaces(folder, case, side, surfaces, class_names, _tolerance_mm(results))
    return entry


def _tolerance_mm(results: Sequence[ClassResult]) -> float:
    """The least tolerance of the NSD that was measured."""
    return min(results[0].metrics.nsd, default=_USUAL_TOLERANCE_MM)


def _draw_surfaces(
    folder: Path,
    case: str,
    side: str,
    view: SurfaceView,
    class_names: Mapping[int, str],
    tolerance_mm: float,
) -> dict[str, str]:
    file = f"surface_{case}.png"
    draw_surface_panel(folder / file, view, title=case)
    return {
        "file": file,
        "alt": surface_alt_text(case, view, class_names, tolerance_mm),
        "caption": surface_caption(case, side, view, class_names, tolerance_mm),
    }


def _labels_in_ras(volume: Volume) -> NDArray[np.uint8]:
    return np.asarray(RasReorientation.of(volume.affine).apply(volume.data[0]), dtype=np.uint8)


def _class_scores(result: ClassResult) -> ClassScores:
    metrics = result.metrics
    return ClassScores(
        name=result.class_name,
        dice=metrics.dice,
        hd95_mm=metrics.hd95_mm,
        reference_volume_ml=metrics.reference_volume_ml,
        predicted_volume_ml=metrics.predicted_volume_ml,
    )
