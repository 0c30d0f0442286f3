"""The data: where they are from, how they were divided, and what they are like."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from segtrail.methods_text.described_run import DescribedRun
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.references import cite
from segtrail.report.case_groups import groups_of_cases
from segtrail.report.dataset_schema import Aggregate, DatasetSummary, VectorRange
from segtrail.report.wording import SIDE_NAMES, format_count, format_number, join_words

_DECATHLON = re.compile(r"\bMSD\b|Medical Segmentation Decathlon|\bTask(?:0[1-9]|10)_[A-Z]\w+")


def data_section(run: DescribedRun) -> str:
    """Describe the data set; empty where it is not on record.

    Args:
        run: The run.

    Returns:
        Sentences.
    """
    dataset = run.contents.dataset
    return "" if dataset is None else " ".join(_sentences(run, dataset))


def _sentences(run: DescribedRun, dataset: DatasetSummary) -> Iterator[str]:
    share = run.contents.share
    is_described = share is None or share.included.description
    named = f"The data set {plain(dataset.name)}{_details(dataset)}" if is_described else "The data set"
    source = cite("antonelli2022decathlon", "simpson2019decathlon") if _is_of_decathlon(run, dataset) else ""
    n_images = format_count(len(dataset.cases), "image")
    yield f"{named}{source} held {n_images} with a reference label map: {_sides(run)}."
    if dataset.description and is_described:
        yield f"Its description reads: “{plain(dataset.description)}”."
    classes = [plain(name) for value, name in dataset.labels.items() if value != "0"]
    if classes:
        yield f"The reference labels mark {join_words(classes)}."
    yield from _split(dataset, len(set(groups_of_cases(run.contents).values())))
    if "all" in dataset.aggregates:
        yield from _ranges(dataset.aggregates["all"])
    if dataset.checks:
        n_found = sum(bool(check.findings) for check in dataset.checks)
        found = f"{n_found} found something" if n_found else "none found anything"
        yield f"Of {len(dataset.checks)} automatic checks of the files before training, {found}."


def _sides(run: DescribedRun) -> str:
    counts = {side: run.n_cases(side) for side in SIDE_NAMES}
    told = [
        f"{n} {'not used' if side == 'unused' else f'for {SIDE_NAMES[side]}'}"
        for side, n in counts.items()
        if n
    ]
    return join_words(told)


def _details(dataset: DatasetSummary) -> str:
    told = [
        ", ".join(dataset.modality.values()),
        f"release {dataset.release}" if dataset.release else "",
        f"licence {dataset.licence}" if dataset.licence else "",
        f"source: {dataset.reference}" if dataset.reference else "",
    ]
    known = [plain(text) for text in told if text]
    return f" ({'; '.join(known)})" if known else ""


def _is_of_decathlon(run: DescribedRun, dataset: DatasetSummary) -> bool:
    folder = PurePosixPath(run.config.paths.data_root.replace("\\", "/")).name
    texts = (dataset.name, dataset.description, dataset.reference, folder)
    return any(_DECATHLON.search(text) for text in texts if text)


def _split(dataset: DatasetSummary, n_groups: int) -> Iterator[str]:
    if dataset.split.method == "named":
        yield "The validation cases were named, not drawn."
    elif dataset.split.val_frac is not None and dataset.split.seed is not None:
        yield (
            f"Validation cases were drawn at random (share {dataset.split.val_frac:g}, seed {dataset.split.seed})."
        )
    of_groups = f", and those of one of {n_groups:,} groups (patients or centres)," if n_groups else ""
    yield f"Cases with the same image voxels{of_groups} were kept on one side."
    if dataset.left_out:
        n_left_out = format_count(len(dataset.left_out), "more case")
        yield f"{n_left_out} could not be used and {'was' if len(dataset.left_out) == 1 else 'were'} left out."


def _ranges(all_cases: Aggregate) -> Iterator[str]:
    yield f"The voxels measured {_axes(all_cases.spacing_mm, 2, 'mm')}."
    yield f"The images had {_axes(all_cases.shape, 0, 'voxels')}."
    for name, volume in all_cases.volume_ml.items():
        median, low, high = (format_number(value, "mL") for value in (volume.median, volume.min, volume.max))
        yield f"The reference volume of {plain(name)} was {median} mL (median; range {low} to {high} mL)."


def _axes(values: VectorRange, decimals: int, unit: str) -> str:
    low, middle, high = (
        " × ".join(f"{value:.{decimals}f}" for value in vector)
        for vector in (values.min, values.median, values.max)
    )
    return f"{middle} {unit}" + (
        "" if low == high else f" (median of each axis; range {low} to {high} {unit})"
    )
