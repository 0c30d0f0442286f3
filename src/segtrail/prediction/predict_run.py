"""Segmenting new images with the network of a run, and recording how."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segtrail.dataset.names import shown
from segtrail.errors import InputError
from segtrail.inference.guard_note import REASON_NAMES
from segtrail.inference.inputs import FoundInputs, find_inputs
from segtrail.inference.likeness import TrainingRange
from segtrail.inference.trained import Checkpoint, TrainedNetwork, open_trained_network
from segtrail.prediction.prediction_plan import (
    Plan,
    open_record,
    plan_cases,
    require_safe_output,
)
from segtrail.prediction.prediction_work import PredictionWork
from segtrail.progress import Narrator
from segtrail.record.disk import require_writable
from segtrail.record.prediction import CaseEntry, PredictionFolder, PredictionRecord
from segtrail.record.run_folder import RunFolder, read_json, utc_now

# What a label map and a picture take at most, as a rule.
_BYTES_PER_CASE = 2e6


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
            if entry.guard:
                doubts = ", ".join(
                    dict.fromkeys(REASON_NAMES.get(note["reason"], note["reason"]) for note in entry.guard)
                )
                remark = f"{remark}; guard: {doubts}" if remark else f"guard: {doubts}"
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
        work = PredictionWork(folder, record, trained, known, narrator)
        work.do(plan)
    narrator.say(f"Predictions: {folder.path}")
    cases = tuple(record.cases[name] for name in names)
    return PredictionResult(record.as_mapping(), cases, plan.skipped, work.failures)


def _new_record(run: RunFolder, checkpoint: Checkpoint, trained: TrainedNetwork) -> PredictionRecord:
    infer = list(trained.config.stage_configs().values())[-1].infer.model_dump(mode="json")
    return PredictionRecord(
        run_id=run.run_id,
        run_fingerprint={
            "checkpoint": f"checkpoints/{checkpoint}.pt",
            "checkpoint_sha256": trained.checkpoint_sha256,
            "epoch": trained.epoch,
            "dataset_fingerprint": trained.dataset_fingerprint,
        },
        settings={key: infer[key] for key in _settings_of(infer)},
        created_utc=utc_now(),
    )


def _settings_of(infer: Mapping[str, Any]) -> list[str]:
    """Name the settings that change a result; those added later count only where they are used."""
    later = [key for key in ("flips", "largest_component") if infer[key]]
    return ["mode", "roi_size", "overlap", "batch_size", *later]


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
