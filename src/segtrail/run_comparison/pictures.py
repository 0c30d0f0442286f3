"""Pictures of the cases that changed the most, drawn from the data set and the predictions of the runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from segtrail.dataset.containment import lies_inside
from segtrail.errors import InputError
from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume, read_channels, read_volume
from segtrail.record.local_paths import recall_data_root
from segtrail.report.case_panels import draw_compared_panel
from segtrail.report.dataset_schema import MeasuredCase
from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.wording import format_number
from segtrail.run_comparison.common_cases import CommonCase
from segtrail.run_comparison.compared_run import ComparedRun
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.paired_statistics import goodness
from segtrail.run_comparison.paired_values import Pair
from segtrail.run_comparison.wording import class_words, signed

# Of the line, in per cent: at this width three pictures stand on a page.
_WIDTH = 90
_OF_ONE_RUN, _OF_SEVERAL = 2, 1


@dataclass(frozen=True)
class ChangedCase:
    """A case that changed a lot.

    Attributes:
        run: The run, by its letter, against the first.
        how: ``better`` or ``worse``.
        pair: Its values.
    """

    run: str
    how: str
    pair: Pair


def most_changed(comparison: RunComparison) -> list[ChangedCase]:
    """Choose the cases that changed the most in the main metric.

    Args:
        comparison: The comparison.

    Returns:
        For each other run those that became worse, then those that became better, the largest change first.
    """
    most = _OF_ONE_RUN if len(comparison.others) == 1 else _OF_SEVERAL
    better = comparison.definitions[comparison.main_metric].better
    chosen = []
    for run in comparison.others:
        pairs = comparison.main_statistics(run.name).series.pairs
        ordered = sorted(pairs, key=lambda pair: (goodness(pair.difference, better), pair.case))
        worse = [pair for pair in ordered if goodness(pair.difference, better) < 0][:most]
        improved = [pair for pair in reversed(ordered) if goodness(pair.difference, better) > 0][:most]
        chosen += [ChangedCase(run.name, "worse", pair) for pair in worse]
        chosen += [ChangedCase(run.name, "better", pair) for pair in improved]
    return chosen


def pictures_section(
    comparison: RunComparison, data: Path | None, on_picture: Callable[[str], None]
) -> list[Part]:
    """Build the section of the cases that changed the most.

    Args:
        comparison: The comparison.
        data: Where the data set lies; None for where this machine last saw it.
        on_picture: Called with each case.

    Returns:
        A figure for each case, or a sentence where it can't be drawn.
    """
    heading = Heading("Pictures of the cases that changed the most")
    changed = most_changed(comparison)
    if not changed:
        return [
            heading,
            Paragraph("No case changed in the main metric, so there is nothing to show.", "missing"),
        ]
    parts: list[Part] = []
    for number, one in enumerate(changed, start=1):
        parts.append(_draw_changed(comparison, one, data, f"changed_{number}.png"))
        on_picture(one.pair.case)
    how_to_read = (
        "Solid contours are the reference, dashed ones the first run, dotted ones the other. These are the largest "
        "changes, not typical ones. Names of planes and letters follow the header of the image, which is not checked "
        "against the anatomy."
    )
    return [heading, Paragraph(how_to_read), *parts]


def _draw_changed(comparison: RunComparison, changed: ChangedCase, data: Path | None, file: str) -> Part:
    """Draw a case; where data, prediction or image are missing or damaged, say so."""
    case = next(entry for entry in comparison.common.cases if entry.name == changed.pair.case)
    words = _words(comparison, changed)
    try:
        return _draw(comparison, changed, case, data, file, words)
    except (InputError, ValueError) as error:
        return Paragraph(f"No picture of {words} {error}", "missing")
    except OSError as error:
        return Paragraph(f"No picture of {words} A file can't be read: {error.strerror}.", "missing")


def _words(comparison: RunComparison, changed: ChangedCase) -> str:
    definition = comparison.definitions[comparison.main_metric]
    base, other = (format_number(value, definition.unit) for value in (changed.pair.base, changed.pair.other))
    what = class_words(comparison, comparison.main_class, "the ")
    return (
        f"{changed.pair.case}, {changed.how} in {changed.run}: {definition.name} of {what} {base} in "
        f"{comparison.base.name}, {other} in {changed.run} ({signed(changed.pair.difference, definition.unit)})."
    )


def _draw(
    comparison: RunComparison,
    changed: ChangedCase,
    case: CommonCase,
    data: Path | None,
    file: str,
    words: str,
) -> Figure:
    other = next(run for run in comparison.others if run.name == changed.run)
    owner, entry = _entry(comparison.runs, case)
    root = _data_root(comparison.runs, owner, data)
    classes = comparison.values.classes
    image = _read_measured(root, entry.image.files, entry.image.sha256_file)
    label = _read_measured(root, entry.label.files, entry.label.sha256_file)
    reference = _renumbered(_in_ras(label), _label_values(owner), classes)
    predictions = {
        run.name: _renumbered(
            _in_ras(_read_prediction(run, case.names[run.name])), _label_values(run), classes
        )
        for run in (comparison.base, other)
    }
    reorientation = RasReorientation.of(image.affine)
    content, view = draw_compared_panel(
        reorientation.apply(image.data[0]),
        reference,
        predictions,
        spacing_mm(reorientation.apply_to_affine(image.affine, image.spatial_shape)),
        dict(enumerate(classes, start=1)),
        title=f"{case.name}, {changed.how} in {changed.run}",
    )
    x, y, z = (index + 1 for index in view.slices)
    alt = (
        f"Axial slice {z}, coronal slice {y} and sagittal slice {x} of case {case.name}, with the contours of the "
        f"reference (solid), of {comparison.base.name} (dashed) and of {changed.run} (dotted). {words}"
    )
    return Figure(file, alt, words, content, _WIDTH)


def _entry(runs: Sequence[ComparedRun], case: CommonCase) -> tuple[ComparedRun, MeasuredCase]:
    """Find a run that has the files of a case on record."""
    for run in runs:
        cases = [] if run.dataset is None else run.dataset.cases
        entry = next((one for one in cases if one.case == case.names[run.name]), None)
        if entry is not None:
            return run, entry
    raise InputError("No run has the files of its image on record.")


def _data_root(runs: Sequence[ComparedRun], owner: ComparedRun, data: Path | None) -> Path:
    recalled = [recall_data_root(run.folder) for run in (owner, *runs)]
    root = data or next((path for path in recalled if path is not None and path.is_dir()), None)
    if root is None:
        raise InputError("This machine does not know where the data lie. Say it with --data DIR.")
    return root


def _read_measured(root: Path, files: Sequence[str], sha256: str) -> Volume:
    """Read an image or a reference, which must be the file that was measured on."""
    paths = [root / file for file in files]
    if not all(lies_inside(path, root) for path in paths):
        raise InputError(f"{files[0]} does not lie in the data set.")
    volume = read_channels(paths)
    if volume.file_sha256 != sha256:
        raise InputError(f"{files[0]} is not the file that was measured on: its hash is another one.")
    return volume


def _read_prediction(run: ComparedRun, case: str) -> Volume:
    recorded = [] if run.record.recorded is None else run.record.recorded.measured
    named = {str(entry.get("case")): str(entry.get("prediction")) for entry in recorded}
    path = run.folder / "predictions" / PurePosixPath(named.get(case, f"{case}.nii.gz")).name
    if not path.is_file():
        raise InputError(f"The prediction of {run.name}, predictions/{path.name}, is missing.")
    return read_volume(path)


def _in_ras(volume: Volume) -> NDArray[np.int64]:
    return np.asarray(np.rint(RasReorientation.of(volume.affine).apply(volume.data[0])), dtype=np.int64)


def _label_values(run: ComparedRun) -> dict[str, list[int]]:
    """Return the label values of each class in the label maps of a run."""
    if run.dataset is not None:
        return {name: [int(value)] for value, name in run.dataset.labels.items() if value != "0"}
    classes = (run.state.get("recorded") or {}).get("classes")
    if not isinstance(classes, Mapping):
        raise InputError(f"The label values of {run.name} are not on record.")
    return {str(name): [int(value) for value in values] for name, values in classes.items()}


def _renumbered(
    labels: NDArray[np.int64], values: Mapping[str, Sequence[int]], classes: Sequence[str]
) -> NDArray[np.int64]:
    """Number the classes as the comparison does, since runs may number them otherwise."""
    renumbered = np.zeros_like(labels)
    for number, name in enumerate(classes, start=1):
        renumbered[np.isin(labels, values.get(name, ()))] = number
    return renumbered
