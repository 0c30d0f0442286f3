"""How full volumes were segmented, with one network or from coarse to fine."""

from collections.abc import Iterator

from segtrail.methods_text.described_run import DescribedRun, DescribedStage
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.numbers import plain_number, product
from segtrail.methods_text.references import cite
from segtrail.report.wording import format_count

_AXES = "xyz"


def coarse_to_fine(run: DescribedRun) -> str:
    """Describe how two networks work together; empty where there is one."""
    stages = run.stages
    if len(stages) < 2:
        return ""
    first, last = plain(stages[0].stage.name), plain(stages[-1].stage.name)
    region = stages[-1].config.region
    sentences = [
        f"Two networks worked one after the other: “{first}” found the organs in the whole volume, “{last}” segmented "
        "the regions around them.",
        *_size_of_region(run),
        *_training_regions(run, first, last),
        f"These regions were shifted at random by at most {plain_number(region.shift_mm)} mm along each axis.",
    ]
    if region.anywhere_fraction:
        share = plain_number(100 * region.anywhere_fraction)
        sentences.append(f"{share}% of the patches were drawn from anywhere in the volume.")
    return " ".join(sentences)


def _training_regions(run: DescribedRun, first: str, last: str) -> Iterator[str]:
    n_helpers = len(run.contents.helpers)
    if n_helpers:
        yield (
            f"“{last}” was trained on regions that were found by networks which did not know the case: {n_helpers} "
            f"further networks like “{first}” were trained, each without its share of the training cases, as in the "
            f"cascade of nnU-Net{cite('isensee2021nnunet')}."
        )
    else:
        yield f"“{last}” was trained on regions that “{first}” found."


def _size_of_region(run: DescribedRun) -> Iterator[str]:
    regions = run.contents.regions
    if regions is not None:
        yield f"A region had {product(regions.region_voxels)} voxels ({_millimetres(regions.region_mm)} mm)."


def _millimetres(values: tuple[float, float, float]) -> str:
    return " × ".join(f"{value:.0f}" for value in values)


def inference(run: DescribedRun, stage: DescribedStage) -> str:
    """Describe how a network segments a full volume.

    Args:
        run: The run.
        stage: One of its networks; how it went over the volume is on record of the last one.

    Returns:
        Sentences.
    """
    return " ".join([*_passes(run, stage), *_finish(stage)])


def _passes(run: DescribedRun, stage: DescribedStage) -> Iterator[str]:
    settings = stage.config.infer
    modes = set(run.contents.run.inference) if stage.is_last else set()
    size = settings.roi_size or stage.config.patch.patch_size
    window = "" if size is None else f" of {product(size)} voxels"
    averaged = f"averaged with Gaussian weights{cite('isensee2021nnunet')}"
    if "regions" in modes:
        yield f"The regions were segmented in windows{window}; where these overlapped, probabilities were {averaged}."
    subject = (
        "Where the regions did not serve, the whole volume was" if "regions" in modes else "Volumes were"
    )
    if "whole_volume" in modes:
        yield f"{subject} segmented in one pass."
    if "sliding_window" in modes:
        overlap = plain_number(100 * settings.overlap)
        yield (
            f"{subject} segmented by a sliding window{window} with an overlap of {overlap}%, and probabilities "
            f"{averaged}."
        )
    if settings.flips:
        axes = ", ".join(_AXES[axis] for axis in settings.flips)
        copies = format_count(2 ** len(settings.flips), "copy", "copies")
        yield (
            f"Probabilities were averaged over {copies} of the image, mirrored along every combination of {axes}"
            f"{cite('isensee2021nnunet')}."
        )


def _finish(stage: DescribedStage) -> Iterator[str]:
    if not stage.is_last:
        return
    yield (
        "The probabilities of each class were resampled linearly to the grid of the file, where the largest one won."
    )
    if stage.config.infer.largest_component:
        yield "Of each class only the largest connected part (26 neighbours) was kept."
