"""Segmenting new images with the network of a run, and recording how."""

import errno
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from segtrail.dataset.names import shown
from segtrail.errors import InputError, Interrupted, TrainingFailed
from segtrail.experiment.prediction_plan import (
    Plan,
    Task,
    former_files,
    hash_or_none,
    is_of_same_input,
    open_record,
    plan_cases,
    require_safe_output,
)
from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume, write_label_map, write_volume
from segtrail.inference.inputs import FoundInputs, find_inputs
from segtrail.inference.likeness import TrainingRange
from segtrail.inference.predict_image import PredictedImage, predict_image
from segtrail.inference.reading import read_image
from segtrail.inference.trained import Checkpoint, TrainedNetwork, open_trained_network
from segtrail.progress import Narrator
from segtrail.record.disk import require_writable
from segtrail.record.hashing import hash_file
from segtrail.record.prediction import CaseEntry, PredictionFolder, PredictionRecord, RecordedFile
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import RunFolder, describe_environment, read_json, utc_now
from segtrail.report.case_panels import draw_case_panel
from segtrail.version import __version__

# What a label map and a picture take at most, as a rule.
_BYTES_PER_CASE = 2e6
# Cases whose likeness is told in full for each property; one scanner gives the same sentence a hundred times.
_WARNINGS_SHOWN = 3


@dataclass(frozen=True)
class PredictionRequest:
    """What to segment.

    Attributes:
        inputs: NIfTI files, folders, data sets or patterns, as a command line names them.
        output: Folder for the predictions; made where it is not there.
        probabilities: Keep the probabilities of all classes too.
        overwrite: Make all again, whatever lies in the folder.
        checkpoint: ``best`` or ``last``.
        device: Device to compute on.
    """

    inputs: Sequence[str]
    output: Path
    probabilities: bool = False
    overwrite: bool = False
    checkpoint: Checkpoint = "best"
    device: str = "auto"


@dataclass(frozen=True)
class PredictionResult:
    """What came of it.

    Attributes:
        record: The content of ``prediction.json``.
        cases: The entries of the images that were asked for, in their order.
        skipped: Names of those that were there already.
        failures: Why images could not be segmented, by case. The entry of such a case is the former one where what an
            earlier command made of the same image stays.
    """

    record: dict[str, Any]
    cases: tuple[CaseEntry, ...]
    skipped: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def failure(self) -> str | None:
        """What to say of the images that could not be segmented; None where all were."""
        if not self.failures:
            return None
        lines = "\n".join(f"  {shown(case)}: {error}" for case, error in self.failures.items())
        return f"{len(self.failures)} of {len(self.cases)} images could not be segmented:\n{lines}"

    def table(self) -> list[str]:
        """Return the volumes as lines of text in columns, one for each case and class."""
        rows = [("case", "class", "volume (mL)", "")]
        for entry in self.cases:
            remark = ", ".join(dict.fromkeys(warning["property"] for warning in entry.warnings))
            remark = f"unlike the training images: {remark}" if remark else ""
            if entry.status == "failed":
                rows.append((shown(entry.case), "", "failed", ""))
                continue
            if entry.case in self.failures:
                remark = "failed now; from an earlier command" + (f"; {remark}" if remark else "")
            rows += [
                (shown(entry.case), shown(name), f"{value:.2f}", remark)
                for name, value in entry.volumes_ml.items()
            ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return [
            f"{case:{widths[0]}}  {name:{widths[1]}}  {volume:>{widths[2]}}  {remark}".rstrip()
            for case, name, volume, remark in rows
        ]


def predict_run(run: RunFolder, request: PredictionRequest, narrator: Narrator) -> PredictionResult:
    """Segment images, one at a time, and keep label maps, pictures, volumes and a record in a folder.

    Args:
        run: The run whose network is used.
        request: What to segment.
        narrator: Hears of progress and warnings.

    Returns:
        The record. Images that could not be segmented are marked in it; the others are done.

    Raises:
        InputError: Run, inputs or output folder can't be worked with, or the disk is full.
        Interrupted: The user stopped it; what is done stays.
    """
    trained = open_trained_network(run.path, request.checkpoint, request.device)
    known = TrainingRange.of_summary(read_json(run.path / "dataset_summary.json"), trained.n_channels)
    found = find_inputs(request.inputs, trained.n_channels, trained.config.data.description_file)
    folder = PredictionFolder(request.output.expanduser())
    require_safe_output(folder, run, found)
    with _alone_in(folder, len(found.images)):
        new = _new_record(run, request.checkpoint, trained)
        names = [image.case for image in found.images]
        record = open_record(folder, new, names, overwrite=request.overwrite)
        plan = plan_cases(
            found.images,
            folder,
            record.cases,
            probabilities=request.probabilities,
            overwrite=request.overwrite,
        )
        _say_start(run, request, trained, found, plan, narrator)
        folder.remove_leftovers(names)
        work = _Work(folder, record, trained, known, narrator)
        work.do(plan)
    narrator.say(f"Predictions: {folder.path}")
    cases = tuple(record.cases[name] for name in names)
    return PredictionResult(record.as_mapping(), cases, plan.skipped, work.failures)


class _Work:
    """Segments one image after the other and keeps the record up to date."""

    def __init__(
        self,
        folder: PredictionFolder,
        record: PredictionRecord,
        trained: TrainedNetwork,
        known: TrainingRange,
        narrator: Narrator,
    ) -> None:
        self._folder, self._record = folder, record
        self._trained, self._known, self._narrator = trained, known, narrator
        self._redactor = Redactor({})
        self._unlike = _UnlikeImages(narrator)
        self.failures: dict[str, str] = {}

    def do(self, plan: Plan) -> None:
        """Segment what the plan says; the record is written before and after each image."""
        if plan.tasks:
            self._record.ended_utc = None
            circumstance = self._record.place_of(_circumstances(self._trained))
            done = 0
            try:
                with self._narrator.track("Segmenting", len(plan.tasks)) as tracker:
                    for task in plan.tasks:
                        self._do_one(task, circumstance)
                        done += 1
                        tracker.advance(shown(task.image.case))
            except KeyboardInterrupt as interrupt:
                reason = (str(interrupt) or "Ctrl-C came").rstrip(".")
                raise Interrupted(
                    f"{reason}. {done + len(plan.skipped)} of {len(plan.tasks) + len(plan.skipped)} images are "
                    f"done and lie in {self._folder.path}. The same command makes the others."
                ) from None
            self._unlike.say_rest()
        if self._record.ended_utc is None:
            self._record.ended_utc = utc_now()
            self._folder.write_record(self._record)
        self._folder.write_volume_table(self._record)

    def _do_one(self, task: Task, circumstance: int) -> None:
        started = time.perf_counter()
        case, files = task.image.case, task.image.files
        inputs = tuple(RecordedFile(self._redactor.redact_path(file), hash_or_none(file)) for file in files)
        before = self._record.cases.get(case)
        entry = CaseEntry(case, "started", circumstance, inputs)
        self._keep(_started_again(entry, before))
        written: list[Path] = []
        try:
            volume = read_image(files, self._trained.n_channels)
            predicted = predict_image(volume, self._trained, self._known, probabilities=task.probabilities)
            entry = self._write(entry, volume, predicted, written)
        except (InputError, TrainingFailed) as error:
            self._fail(entry, before, written, str(error))
        except MemoryError:
            reason = "The memory ran out. Close other programs, or use a machine with more memory."
            self._fail(entry, before, written, reason)
        else:
            self._keep(replace(entry, status="done", seconds=round(time.perf_counter() - started, 3)))
            self._unlike.say(case, predicted)

    def _fail(self, entry: CaseEntry, before: CaseEntry | None, written: Sequence[Path], reason: str) -> None:
        """Record a failure; what an earlier command made of the same image stays, with its entry."""
        case, former = entry.case, former_files(before)
        self._remove(*(path for path in written if not self._is_former(path, former)))
        same = is_of_same_input(before, entry.inputs)
        if not same:
            self._remove(*(path for path in self._folder.files(case) if self._is_former(path, former)))
        if any(path.exists() for path in self._folder.files(case)):
            reason += " What an earlier command or hand made for it stays as it was."
        told = self._redactor.redact(reason)
        if before is not None and same and before.volumes_ml:
            self._keep(replace(before, status="done"))
        else:
            self._keep(replace(entry, status="failed", error=told))
        self.failures[case] = told
        self._narrator.say(f"Failed ({shown(case)}): {reason}")

    def _is_former(self, path: Path, former: Mapping[str, str | None]) -> bool:
        recorded = former.get(path.relative_to(self._folder.path).as_posix())
        return recorded is not None and hash_or_none(path) == recorded

    def _write(
        self, entry: CaseEntry, volume: Volume, predicted: PredictedImage, written: list[Path]
    ) -> CaseEntry:
        """Write the files of a case, the label map last; those that are written are noted as they come."""
        case, segmentation = entry.case, predicted.segmentation
        label_map, probabilities, picture = self._folder.files(case)
        if segmentation.probabilities is not None:
            probabilities.parent.mkdir(exist_ok=True)
            write_volume(probabilities, np.moveaxis(segmentation.probabilities, 0, -1), volume.placement)
            written.append(probabilities)
        picture.parent.mkdir(exist_ok=True)
        _draw(picture, case, volume, predicted, self._trained.labels)
        written.append(picture)
        write_label_map(label_map, segmentation.labels, volume.placement)
        written.append(label_map)
        if segmentation.probabilities is None:
            self._remove(probabilities)
        return replace(
            entry,
            output=self._hashed(label_map),
            probabilities=None if segmentation.probabilities is None else self._hashed(probabilities),
            picture=self._hashed(picture),
            volumes_ml=predicted.volumes_ml,
            voxels=predicted.voxels,
            warnings=tuple(
                {"property": unlike.property, "evidence": unlike.evidence} for unlike in predicted.unlike
            ),
            mode=segmentation.mode,
        )

    def _keep(self, entry: CaseEntry) -> None:
        self._record.cases[entry.case] = entry
        self._folder.write_record(self._record)

    def _hashed(self, path: Path) -> RecordedFile:
        return self._folder.describe(path, hash_file(path))

    def _remove(self, *paths: Path) -> None:
        for path in paths:
            path.unlink(missing_ok=True)


class _UnlikeImages:
    """Says in what images are unlike the training images: in full for the first ones, then how many more."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self._counts: Counter[str] = Counter()

    def say(self, case: str, predicted: PredictedImage) -> None:
        for name in dict.fromkeys(unlike.property for unlike in predicted.unlike):
            self._counts[name] += 1
        for unlike in predicted.unlike:
            if self._counts[unlike.property] <= _WARNINGS_SHOWN:
                self._narrator.say(f"Warning ({shown(case)}, unlike the training images): {unlike.evidence}")

    def say_rest(self) -> None:
        for name, count in self._counts.items():
            if count > _WARNINGS_SHOWN:
                self._narrator.say(
                    f"Warning ({name} unlike the training images): ... and the same for "
                    f"{count - _WARNINGS_SHOWN} more. The table marks them; prediction.json says in what."
                )


def _started_again(entry: CaseEntry, before: CaseEntry | None) -> CaseEntry:
    """Keep in the entry of a case that begins what tells its former files, so that a kill does not lose it."""
    if before is None or before.status == "failed":
        return entry
    if is_of_same_input(before, entry.inputs):
        return replace(before, status="started")
    return replace(entry, output=before.output, probabilities=before.probabilities, picture=before.picture)


def _draw(
    path: Path, case: str, volume: Volume, predicted: PredictedImage, class_names: dict[int, str]
) -> None:
    reorientation = RasReorientation.of(volume.affine)
    draw_case_panel(
        path,
        np.asarray(reorientation.apply(volume.data[0]), dtype=np.float32),
        None,
        np.asarray(reorientation.apply(predicted.segmentation.labels), dtype=np.uint8),
        spacing_mm(reorientation.apply_to_affine(volume.affine, volume.spatial_shape)),
        class_names,
        title=f"{case}: {_describe_volumes(predicted.volumes_ml)}",
    )


def _describe_volumes(volumes_ml: dict[str, float]) -> str:
    if len(volumes_ml) > 3:
        return f"{sum(volumes_ml.values()):.1f} mL in {len(volumes_ml)} classes"
    return ", ".join(f"{name} {volume:.1f} mL" for name, volume in volumes_ml.items())


def _new_record(run: RunFolder, checkpoint: Checkpoint, trained: TrainedNetwork) -> PredictionRecord:
    infer = trained.config.infer.model_dump(mode="json")
    return PredictionRecord(
        run_id=run.run_id,
        run_fingerprint={
            "checkpoint": f"checkpoints/{checkpoint}.pt",
            "checkpoint_sha256": trained.checkpoint_sha256,
            "epoch": trained.epoch,
            "dataset_fingerprint": trained.dataset_fingerprint,
        },
        settings={key: infer[key] for key in ("mode", "roi_size", "overlap", "batch_size")},
        created_utc=utc_now(),
    )


def _circumstances(trained: TrainedNetwork) -> dict[str, Any]:
    compute = trained.compute
    return {
        "segtrail_version": __version__,
        "device": {
            "type": compute.device.type,
            "name": compute.device_name,
            "precision": compute.precision,
            "threads": compute.threads,
        },
        "environment": describe_environment(),
    }


def _say_start(
    run: RunFolder,
    request: PredictionRequest,
    trained: TrainedNetwork,
    found: FoundInputs,
    plan: Plan,
    narrator: Narrator,
) -> None:
    compute = trained.compute
    narrator.say(
        f"Run {run.run_id}, {request.checkpoint} checkpoint (epoch {trained.epoch}), on {compute.device_name} "
        f"({compute.device.type}, {compute.precision}, {compute.threads} threads): {len(plan.tasks)} to segment, "
        f"{len(plan.skipped)} there already."
    )
    if found.left_out:
        names = ", ".join(map(shown, found.left_out[:3])) + (" and so on" if len(found.left_out) > 3 else "")
        narrator.say(
            f"Left out: {len(found.left_out)} files that the data set lists without a label and that are not "
            f"in its folder ({names})."
        )


@contextmanager
def _alone_in(folder: PredictionFolder, n_images: int) -> Iterator[None]:
    """Hold the folder, so that no second command writes its record; tell of a disk that can't be written."""
    require_writable(folder.path, "--output", n_images * _BYTES_PER_CASE)
    try:
        with FileLock(folder.path / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"Another segtrail predict works in {folder.path}. Wait until it ends, or choose another --output."
        ) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except (OSError, NotImplementedError) as error:
        raise _can_not_write(folder.path, error) from None


def _can_not_write(folder: Path, error: OSError | NotImplementedError) -> InputError:
    file, reason = getattr(error, "filename", None), getattr(error, "strerror", None) or str(error)
    what = f"{file}: {reason}" if file else reason
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        sentence, remedy = "The disk is full", "Free some space"
    else:
        sentence, remedy = "A file of the predictions can't be written", "Put that right"
    return InputError(
        f"{sentence} ({what}). What is done stays in {folder}. {remedy} and give the same command again, or choose "
        "another --output."
    )
