"""Telling how a training goes: a bar on a terminal, one line per epoch everywhere."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from segtrail.progress import Narrator, Tracker
from segtrail.record.history import HistoryRow


class TrainProgress:
    """The observer of a training that speaks through the narrator.

    Args:
        narrator: Where it speaks.
        epochs: Epochs to train.
        on_epoch: Hears of every epoch too.
        stage: Name of the network in training; empty where there is only one.
    """

    def __init__(
        self,
        narrator: Narrator,
        epochs: int,
        on_epoch: Callable[[HistoryRow], None] = lambda _: None,
        stage: str = "",
    ) -> None:
        self._narrator, self._epochs, self._on_epoch = narrator, epochs, on_epoch
        self._title = f"{stage}: epoch" if stage else "Epoch"
        self._stack = ExitStack()
        self._tracker: Tracker | None = None
        self._started, self._done = time.perf_counter(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def on_step(self, epoch: int, step: int, steps: int, loss: float, rate: float) -> None:
        """Move the bar of the epoch."""
        if self._tracker is None:
            self._tracker = self._stack.enter_context(
                self._narrator.track(f"{self._title} {epoch}/{self._epochs}", steps)
            )
        self._tracker.advance(f"loss {loss:.4f}, learning rate {rate:.2e}")
        if step == steps:
            self._stack.close()
            self._tracker = None

    def on_epoch(self, row: HistoryRow, is_best: bool) -> None:
        """Say one line about the epoch, with the time left."""
        self._done += 1
        self._on_epoch(row)
        left = (time.perf_counter() - self._started) / self._done * (self._epochs - row.epoch)
        score = "" if row.val_dice is None else f", val Dice {row.val_dice:.4f}{' (best)' if is_best else ''}"
        self._narrator.say(
            f"{self._title} {row.epoch}/{self._epochs}: loss {row.train_loss:.4f} (Dice {row.train_loss_dice:.4f}, "
            f"cross entropy {row.train_loss_cross_entropy:.4f}){score}, learning rate {row.learning_rate:.2e}, "
            f"{row.seconds:.1f} s, {row.patches_per_second:.2f} patches/s, {_minutes(left)} left"
        )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
