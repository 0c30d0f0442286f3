"""The training loop, readable from top to bottom."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.config.schema import StageConfig
from segtrail.errors import InputError, Interrupted, SegtrailError, TrainingFailed
from segtrail.networks.build import BuiltNetwork
from segtrail.networks.loss import SegmentationLoss
from segtrail.preprocessing.cache import PreparedCase
from segtrail.randomness import derive_seed
from segtrail.record.history import HistoryRow, append_history, count_history
from segtrail.record.journal import Journal
from segtrail.stop_request import StopRequest, listen_for_stop
from segtrail.training.average import AveragedNetwork
from segtrail.training.checkpoint import CheckpointFolder
from segtrail.training.cursor import Cursor
from segtrail.training.loader import close_loader, make_loader, without_trace
from segtrail.training.memory import is_out_of_memory, out_of_memory, peak_memory_mb
from segtrail.training.optimiser import make_optimiser
from segtrail.training.patch_plan import PatchCentres, PatchKey
from segtrail.training.patches import EpochBatches
from segtrail.training.schedule import learning_rate
from segtrail.training.step_values import StepValue, StepValues


class TrainingObserver(Protocol):
    """What wants to know how a training goes."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float, rate: float) -> None:
        """One step has ended; step counts from 1 within the epoch."""

    def on_epoch(self, row: HistoryRow, is_best: bool) -> None:
        """An epoch has ended and is on record."""


@dataclass(frozen=True)
class Validated:
    """What a validation gave.

    Attributes:
        mean_dice: Mean over cases of the mean Dice over classes.
        confidence: Lowest mean probability of what was found in a case; None where that is not measured.
    """

    mean_dice: float
    confidence: float | None = None


@dataclass(frozen=True)
class StageRecord:
    """Where a training stands in its run, and what it writes there.

    Attributes:
        run_dir: The run folder.
        checkpoints: Its checkpoints.
        journal: Hears of checkpoints and validations.
        stage: Name of the stage, in ``history.csv`` and in the checkpoints.
        facts: What every checkpoint holds besides weights: configuration and data facts.
        finished: The networks of the stages before, by name.
        is_last: Whether ``best.pt`` is this stage's to write.
        prefix: What stands before the stage's keys in the configuration, for messages.
    """

    run_dir: Path
    checkpoints: CheckpointFolder
    journal: Journal
    stage: str
    facts: dict[str, Any]
    finished: Mapping[str, dict[str, Any]]
    is_last: bool
    prefix: str = ""


@dataclass
class TrainingOutcome:
    """How a training ended.

    Attributes:
        best_epoch: The epoch whose weights were kept: that with the highest validation Dice, the earliest on a tie, or
            the last one.
        best_val_dice: Its validation Dice; -1 where it was not validated.
        last_epoch: The last epoch that ended.
        last_val_dice: Its validation Dice.
    """

    best_epoch: int = 0
    best_val_dice: float = -1.0
    last_epoch: int = 0
    last_val_dice: float | None = None


class Training:
    """One network in training.

    Args:
        config: The stage's configuration, spacing and patch size resolved.
        built: The network.
        compute: Device and precision.
        cases: The training cases.
        n_classes: Classes, background included.
        validate: Segments and scores the full validation volumes, or returns None where a stop was asked for before
            all were scored; None where nothing is validated.
        record: Where the training is written down.
        observer: Hears of steps and epochs.
        centres: Where patches are taken from; None takes them from the whole volume.

    Attributes:
        trained: The network that is validated, kept and used: the one in training, or the average of its weights.
        cursor: How far it is.
        outcome: How it went so far.
        unseen_confidence: The confidence of the last validation.
    """

    def __init__(
        self,
        config: StageConfig,
        built: BuiltNetwork,
        compute: Compute,
        cases: Sequence[PreparedCase],
        n_classes: int,
        validate: Callable[[BuiltNetwork, StopRequest], Validated | None] | None,
        record: StageRecord,
        observer: TrainingObserver,
        centres: PatchCentres | None = None,
    ) -> None:
        self.config, self.built, self.compute = config, built, compute
        self.validate, self.record, self.observer = validate, record, observer
        self.cases = cases
        self.network = built.network
        decay = config.train.ema_decay
        self.average = None if decay is None else AveragedNetwork(built.network, decay)
        self.trained = built if self.average is None else replace(built, network=self.average.network)
        self.loss = SegmentationLoss(config.train.loss, n_classes).to(compute.device)
        self.optimiser = make_optimiser(self.network, config.optim, compute.device)
        self.scaler = torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "fp16")
        self.batches = EpochBatches(
            len(cases), config.patch.patches_per_case, config.train.batch_size, config.train.seed
        )
        self.loader = make_loader(config, cases, n_classes, self.batches, compute.device, centres)
        self.values = StepValues(compute.device)
        self.total_steps = len(self.batches) * config.train.max_epochs
        self.cursor = Cursor()
        self.outcome = TrainingOutcome()
        self.unseen_confidence: float | None = None
        self._saved = time.monotonic()

    def resume(self, content: Mapping[str, Any]) -> None:
        """Go on from a ``last.pt`` of this stage.

        Args:
            content: What it holds.

        Raises:
            InputError: An entry is missing, or is not one of this training.
        """
        try:
            self._take_over(content)
        except (LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"checkpoints/last.pt does not fit the training of {self.record.stage} that the configuration "
                f"describes ({type(error).__name__}: {error}). Train anew."
            ) from error

    def _take_over(self, content: Mapping[str, Any]) -> None:
        kept = content["networks"][self.record.stage]
        self.trained.network.load_state_dict(kept)
        if self.average is not None:
            self.network.load_state_dict(content["network_in_training"])
            self.average.steps = int(content["average_steps"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        self.loss.load_state_dict(content["loss"])
        self.cursor = Cursor.of_mapping(content)
        self.outcome = TrainingOutcome(**content["outcome"])
        self.unseen_confidence = content["unseen_confidence"]

    def run(self) -> TrainingOutcome:
        """Train to the last epoch.

        Returns:
            Best and last epoch with their scores.

        Raises:
            Interrupted: Ctrl-C or SIGTERM came; ``last.pt`` is written.
            TrainingFailed: The loss is not finite, or the memory ran out.
        """
        with listen_for_stop() as stop:
            try:
                for epoch in range(self.cursor.epoch + 1, self.config.train.max_epochs + 1):
                    self._run_epoch(epoch, stop)
            except SegtrailError as error:
                raise type(error)(without_trace(str(error))) from None
            except Exception as error:
                if is_out_of_memory(error):
                    raise out_of_memory(self.config, self.built.size_divisor, self.record.prefix) from None
                raise
            finally:
                close_loader(self.loader)
        return self.outcome

    def _run_epoch(self, epoch: int, stop: StopRequest) -> None:
        started = time.perf_counter()
        cursor, earlier_seconds = self.cursor, self.cursor.seconds
        self.batches.epoch, self.batches.skipped = epoch, cursor.steps
        self.network.train()
        for step, (images, labels) in enumerate(self.loader, start=cursor.steps):
            self._run_step(images, labels, epoch, step)
            cursor.seconds = earlier_seconds + time.perf_counter() - started
            self._count(epoch, self.values.take())
            if stop or self._save_is_due(epoch, step):
                self._count(epoch, self.values.take(all_of_them=True))
                self._save()
            if stop:
                raise Interrupted(f"{stop.reason} came in epoch {epoch}, step {cursor.steps}.")
        self._count(epoch, self.values.take(all_of_them=True))
        cursor.seconds = earlier_seconds + time.perf_counter() - started
        val_dice = self._validate_if_due(epoch, stop)
        row = HistoryRow(
            self.record.stage,
            epoch,
            *cursor.mean_losses(),
            val_dice=val_dice,
            learning_rate=self._rate(epoch, len(self.batches) - 1),
            seconds=earlier_seconds + time.perf_counter() - started,
            patches_per_second=cursor.patches / cursor.seconds,
            peak_memory_mb=peak_memory_mb(self.compute.device),
        )
        self._record_epoch(row)
        if stop:
            raise Interrupted(f"{stop.reason} came at the end of epoch {epoch}.")

    def _rate(self, epoch: int, step: int) -> float:
        return learning_rate((epoch - 1) * len(self.batches) + step, self.total_steps, self.config.optim)

    def _count(self, epoch: int, values: Sequence[StepValue]) -> None:
        """Take what steps came to into the epoch; a loss or gradient that is not finite ends the training."""
        for value in values:
            if not math.isfinite(value.losses[0]):
                raise self._not_finite("loss", epoch, value.step)
            if not self.scaler.is_enabled() and not math.isfinite(value.gradient_norm):
                raise self._not_finite("gradient", epoch, value.step)
            self.cursor.add(value.losses, value.patches)
            mean, rate = self.cursor.mean_losses()[0], self._rate(epoch, value.step)
            self.observer.on_step(epoch, self.cursor.steps, len(self.batches), mean, rate)

    def _save_is_due(self, epoch: int, step: int) -> bool:
        """Tell whether it is time for a checkpoint in the middle of an epoch."""
        every = self.config.train.checkpoint_every
        steps = (epoch - 1) * len(self.batches) + step + 1
        if every.steps is not None and steps % every.steps == 0:
            return True
        return every.minutes is not None and time.monotonic() - self._saved >= 60 * every.minutes

    def _run_step(self, images: Tensor, labels: Tensor, epoch: int, step: int) -> None:
        """Change the weights by one step; nothing here waits for the device."""
        config, device = self.config, self.compute.device
        torch.manual_seed(derive_seed(config.train.seed, "step", epoch, step))  # dropout
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(epoch, step)
        images = images.to(device, non_blocking=True)
        if _is_channels_last(self.network):
            images = images.contiguous(memory_format=torch.channels_last_3d)
        self.optimiser.zero_grad(set_to_none=True)
        with self.compute.autocast():
            output = self.network(images)
        value = self.loss(output, labels.to(device, non_blocking=True))
        torch.autograd.backward(self.scaler.scale(value.total))
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), config.train.gradient_clip or float("inf"))
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.follow(self.network)
        self.values.add(step, len(images), value, norm)

    def _validate_if_due(self, epoch: int, stop: StopRequest) -> float | None:
        train = self.config.train
        if self.validate is None or (epoch % train.validate_every and epoch != train.max_epochs):
            return None
        validated = self.validate(self.trained, stop)
        if validated is None:
            self._save()
            raise Interrupted(f"{stop.reason} came in the validation of epoch {epoch}.")
        self.unseen_confidence = validated.confidence
        score = None if math.isnan(validated.mean_dice) else validated.mean_dice
        self.record.journal.write("validated", network=self.record.stage, epoch=epoch, val_dice=score)
        return validated.mean_dice

    def _record_epoch(self, row: HistoryRow) -> None:
        """Write history and checkpoints; ``last.pt`` comes last, since a resume believes it."""
        is_kept = self._is_kept(row)
        if is_kept:
            self.outcome.best_epoch = row.epoch
            self.outcome.best_val_dice = -1.0 if row.val_dice is None else _score(row.val_dice)
        self.outcome.last_epoch, self.outcome.last_val_dice = row.epoch, row.val_dice
        self.cursor = Cursor(row.epoch)
        append_history(self.record.run_dir / "history.csv", row)
        self._save(is_best=is_kept and self.record.is_last)
        self.observer.on_epoch(row, is_best=is_kept and self.config.train.keep == "best")

    def _is_kept(self, row: HistoryRow) -> bool:
        if self.config.train.keep == "last":
            return True
        return row.val_dice is not None and _score(row.val_dice) > self.outcome.best_val_dice

    def _save(self, *, is_best: bool = False) -> None:
        """Write a checkpoint of where the training stands."""
        content = {
            **self.record.facts,
            "stage": self.record.stage,
            "unseen_confidence": self.unseen_confidence,
            "epoch": self.cursor.epoch,
            "networks": {
                **self.record.finished,
                self.record.stage: on_cpu(self.trained.network.state_dict()),
            },
        }
        self.record.checkpoints.save(content, self._resume_point(), self._announce, is_best=is_best)
        self._saved = time.monotonic()

    def _announce(self, sha256: dict[str, str]) -> None:
        self.record.journal.write(
            "checkpoint written",
            network=self.record.stage,
            epoch=self.cursor.epoch,
            steps=self.cursor.steps,
            sha256=sha256,
        )

    def _resume_point(self) -> dict[str, Any]:
        """Return what a resume needs besides the weights that are kept; the schedule follows from the step."""
        point = {
            **self.cursor.as_mapping(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "loss": on_cpu(self.loss.state_dict()),
            "outcome": asdict(self.outcome),
            "history_rows": count_history(self.record.run_dir / "history.csv"),
        }
        if self.average is not None:
            point["network_in_training"] = on_cpu(self.network.state_dict())
            point["average_steps"] = self.average.steps
        return point

    def _not_finite(self, what: str, epoch: int, step: int) -> TrainingFailed:
        names = ", ".join(sorted({self.cases[key.case].case for key in _batch_keys(self.batches, step)}))
        return TrainingFailed(
            f"The {what} is not finite in epoch {epoch}, step {step + 1}, on patches of {names}. "
            f"Look at these images, or train with a lower {self.record.prefix}optim.lr "
            f"(now {self.config.optim.lr:g}) "
            "or train.precision=fp32."
        )


def _score(val_dice: float) -> float:
    """Rank an epoch in which no validation case had anything to score below those in which one had."""
    return 0.0 if math.isnan(val_dice) else val_dice


def on_cpu(state: dict[str, Any]) -> dict[str, Any]:
    """Bring tensors to the CPU; a network of one's own may keep plain values beside them."""
    return {key: value.cpu() if isinstance(value, Tensor) else value for key, value in state.items()}


def _batch_keys(batches: EpochBatches, step: int) -> list[PatchKey]:
    iterator: Iterator[list[PatchKey]] = iter(batches)
    return next(keys for index, keys in enumerate(iterator, start=batches.skipped) if index == step)


def _is_channels_last(network: nn.Module) -> bool:
    weight = next((p for p in network.parameters() if p.ndim == 5 and p.shape[1] > 1), None)
    return weight is not None and weight.is_contiguous(memory_format=torch.channels_last_3d)
