"""How far a training is inside its epoch, so that it can go on from there as if never interrupted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Cursor:
    """The epochs that ended, and what the one in hand has come to.

    Attributes:
        epoch: The last epoch that ended, 0 before the first.
        steps: Steps done since.
        patches: Patches in these steps.
        loss_sums: Loss, its Dice part and its cross entropy over these steps, each weighted by patches.
        seconds: Time that these steps took.
    """

    epoch: int = 0
    steps: int = 0
    patches: int = 0
    loss_sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    seconds: float = 0.0

    def add(self, losses: Sequence[float], patches: int) -> None:
        """Count a step by its loss, Dice part and cross entropy."""
        for index, loss in enumerate(losses):
            self.loss_sums[index] += loss * patches
        self.patches += patches
        self.steps += 1

    def mean_losses(self) -> tuple[float, float, float]:
        """Return loss, Dice part and cross entropy, each the mean over the epoch's patches so far."""
        total, dice, cross_entropy = (value / max(self.patches, 1) for value in self.loss_sums)
        return total, dice, cross_entropy

    def as_mapping(self) -> dict[str, Any]:
        """Return the entries of ``last.pt``."""
        return {
            "epoch": self.epoch,
            "steps_done_since_epoch": self.steps,
            "patches_since_epoch": self.patches,
            "loss_sums_since_epoch": list(self.loss_sums),
            "seconds_since_epoch": self.seconds,
        }

    @classmethod
    def of_mapping(cls, content: Mapping[str, Any]) -> "Cursor":
        """Read the entries of ``last.pt``.

        Raises:
            KeyError: One is missing.
        """
        return cls(
            int(content["epoch"]),
            int(content["steps_done_since_epoch"]),
            int(content["patches_since_epoch"]),
            [float(value) for value in content["loss_sums_since_epoch"]],
            float(content["seconds_since_epoch"]),
        )
