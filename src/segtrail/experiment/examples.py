"""``examples/``: pictures of the best, the median and the worst case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrail.atomic import write_json
from segtrail.dataset.description import DatasetDescription
from segtrail.evaluation.evaluate import ClassResult
from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume, read_channels, read_volume
from segtrail.inference.regions import Box
from segtrail.record.run_folder import read_json
from segtrail.report.case_panels import draw_case_panel
from segtrail.report.case_text import ClassScores, alt_text, caption


@dataclass(frozen=True)
class RankedCase:
    """A case chosen for a picture."""

    rank: str
    case: str
    class_mean_dice: float


def rank_cases(results: list[ClassResult]) -> list[RankedCase]:
    """Choose the best, the median and the worst case by the mean Dice over classes.

    Args:
        results: Results of one side of the split.

    Returns:
        At most three cases, each once; cases with nothing to score are left out.
    """
    scores: dict[str, list[float]] = {}
    for result in results:
        if result.metrics.status != "left_out":
            scores.setdefault(result.case, []).append(result.metrics.dice)
    order = sorted(((float(np.mean(dice)), case) for case, dice in scores.items()), reverse=True)
    if not order:
        return []
    places = {"best": 0, "worst": len(order) - 1, "median": len(order) // 2}
    chosen = {rank: order[place] for rank, place in places.items()}
    taken: set[str] = set()
    ranked = []
    for rank, (dice, case) in chosen.items():
        if case not in taken:
            ranked.append(RankedCase(rank, case, dice))
            taken.add(case)
    return sorted(ranked, key=lambda item: ("best", "median", "worst").index(item.rank))


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

    def sources(case: str) -> CaseSources:
        files = description.case(case)
        return CaseSources(
            files.image_paths(description.root),
            description.root / files.label,
            run_dir / "predictions" / f"{case}.nii.gz",
            [Box.of_record(region) for region in seen[case]["regions"]],
        )

    draw_ranked(run_dir / "examples", results, sources, description.class_names)


def draw_ranked(
    folder: Path,
    results: list[ClassResult],
    sources: Callable[[str], CaseSources],
    class_names: Mapping[int, str],
) -> None:
    """Draw the best, the median and the worst case, and list the pictures in ``examples.json``.

    Args:
        folder: Where the pictures come to.
        results: Results of one side of the split.
        sources: Gives what a case is drawn from.
        class_names: Names of the classes without background, by label value.
    """
    entries = []
    for ranked in rank_cases(results):
        file = f"{ranked.rank}_{ranked.case}.png"
        of_case = [result for result in results if result.case == ranked.case]
        caption_text, alt = _draw(folder / file, sources(ranked.case), class_names, of_case)
        entries.append(
            {
                "rank": ranked.rank,
                "case": ranked.case,
                "class_mean_dice": ranked.class_mean_dice,
                "file": file,
                "alt": alt,
                "caption": caption_text,
            }
        )
    write_json(folder / "examples.json", {"schema_version": 1, "examples": entries})


def _draw(
    path: Path, sources: CaseSources, class_names: Mapping[int, str], results: list[ClassResult]
) -> tuple[str, str]:
    case = results[0].case
    image = read_channels(list(sources.images))
    reference = _labels_in_ras(read_volume(sources.reference))
    prediction = _labels_in_ras(read_volume(sources.prediction))
    reorientation = RasReorientation.of(image.affine)
    ras_spacing = spacing_mm(reorientation.apply_to_affine(image.affine, image.spatial_shape))
    view = draw_case_panel(
        path,
        reorientation.apply(image.data[0]),
        reference,
        prediction,
        ras_spacing,
        class_names,
        title=case,
        regions=list(sources.regions),
    )
    scores = [_class_scores(result) for result in results]
    side = {"val": "validation"}.get(results[0].split, results[0].split)
    return caption(case, side, scores, view), alt_text(case, scores, view)


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
