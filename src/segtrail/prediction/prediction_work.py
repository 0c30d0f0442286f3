"""Segmenting the images of a plan, one after the other, with every file and its entry in the record."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from segtrail.dataset.names import shown
from segtrail.errors import InputError, Interrupted, TrainingFailed
from segtrail.evaluation.records import describe_segmentation
from segtrail.images.geometry import RasReorientation, spacing_mm
from segtrail.images.nifti import Volume, write_label_map, write_volume
from segtrail.inference.guard_note import describe_note
from segtrail.inference.likeness import TrainingRange
from segtrail.inference.predict_image import PredictedImage, predict_image
from segtrail.inference.predictor import Segmentation
from segtrail.inference.reading import read_image
from segtrail.inference.regions import Box
from segtrail.inference.trained import TrainedNetwork
from segtrail.prediction.prediction_plan import (
    Plan,
    Task,
    former_files,
    hash_or_none,
    is_of_same_input,
)
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file
from segtrail.record.journal import DATA_ACCESS, Journal
from segtrail.record.prediction import CaseEntry, PredictionFolder, PredictionRecord, RecordedFile
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import describe_environment, utc_now
from segtrail.report.case_panels import draw_case_panel
from segtrail.version import __version__

# Cases whose likeness is told in full for each property; one scanner gives the same sentence a hundred times.
_WARNINGS_SHOWN = 3


class PredictionWork:
    """Segments one image after the other and keeps the record up to date.

    Attributes:
        failures: Why images could not be segmented, by the name of their case.
    """

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
        self._journal = Journal(folder.path / DATA_ACCESS, trained.config.project.operator)
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
        self._journal.write(
            "data used",
            purpose="predict",
            case=case,
            inputs=[asdict(file) for file in inputs],
            run_id=self._record.run_id,
            checkpoint_sha256=self._trained.checkpoint_sha256,
        )
        before = self._record.cases.get(case)
        entry = CaseEntry(case, "started", circumstance, inputs)
        self._keep(_started_again(entry, before))
        written: list[Path] = []
        try:
            volume = read_image(files, self._trained.n_channels)
            predicted = predict_image(volume, self._trained, self._known)
            entry = self._write(entry, volume, predicted, task.probabilities, written)
        except (InputError, TrainingFailed) as error:
            self._fail(entry, before, written, str(error))
        except MemoryError:
            reason = "The memory ran out. Close other programs, or use a machine with more memory."
            self._fail(entry, before, written, reason)
        else:
            self._keep(replace(entry, status="done", seconds=round(time.perf_counter() - started, 3)))
            self._unlike.say(case, predicted)
            for note in predicted.segmentation.guard:
                self._narrator.say(f"Guard ({shown(case)}): {describe_note(note)}")

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
        self,
        entry: CaseEntry,
        volume: Volume,
        predicted: PredictedImage,
        with_probabilities: bool,
        written: list[Path],
    ) -> CaseEntry:
        """Write the files of a case, the label map last; those that are written are noted as they come."""
        case, segmentation = entry.case, predicted.segmentation
        label_map, probabilities, picture = self._folder.files(case)
        if with_probabilities:
            probabilities.parent.mkdir(exist_ok=True)
            maps = predicted.probabilities.of_all()
            write_volume(probabilities, np.moveaxis(maps, 0, -1), volume.placement)
            written.append(probabilities)
        picture.parent.mkdir(exist_ok=True)
        _draw(picture, case, volume, predicted, self._trained.labels)
        written.append(picture)
        write_label_map(label_map, segmentation.labels, volume.placement)
        written.append(label_map)
        if not with_probabilities:
            self._remove(probabilities)
        return replace(
            entry,
            output=self._hashed(label_map),
            probabilities=self._hashed(probabilities) if with_probabilities else None,
            picture=self._hashed(picture),
            volumes_ml=predicted.volumes_ml,
            voxels=predicted.voxels,
            warnings=tuple(
                {"property": unlike.property, "evidence": unlike.evidence} for unlike in predicted.unlike
            ),
            **_as_recorded(segmentation),
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
        reorientation.apply(volume.data[0]),
        None,
        np.asarray(reorientation.apply(predicted.segmentation.labels), dtype=np.uint8),
        spacing_mm(reorientation.apply_to_affine(volume.affine, volume.spatial_shape)),
        class_names,
        title=f"{case}: {_describe_volumes(predicted.volumes_ml)}",
        regions=[
            Box.of_record(region) for region in describe_segmentation(predicted.segmentation)["regions"]
        ],
    )


def _as_recorded(segmentation: Segmentation) -> dict[str, Any]:
    told = describe_segmentation(segmentation)
    return {"mode": told["mode"], "guard": tuple(told["guard"]), "regions": tuple(told["regions"])}


def _describe_volumes(volumes_ml: dict[str, float]) -> str:
    if len(volumes_ml) > 3:
        return f"{sum(volumes_ml.values()):.1f} mL in {len(volumes_ml)} classes"
    return ", ".join(f"{name} {volume:.1f} mL" for name, volume in volumes_ml.items())


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
