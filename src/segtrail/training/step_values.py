"""What steps came to, on its way from the device: no step waits for the one before it to be read."""

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from segtrail.networks.loss import LossValue


@dataclass(frozen=True)
class StepValue:
    """What a step came to.

    Attributes:
        step: The step, from 0 within the epoch.
        patches: Patches in it.
        losses: Loss, its Dice part and its cross entropy.
        gradient_norm: Norm of the gradient before it was clipped.
    """

    step: int
    patches: int
    losses: tuple[float, float, float]
    gradient_norm: float


class StepValues:
    """The values of the last steps, read when the next step is under way.

    On the CPU, where nothing runs ahead, they are read at once.

    Args:
        device: Where the steps are computed.
    """

    def __init__(self, device: torch.device) -> None:
        self._most_waiting = 1 if device.type == "cuda" else 0
        self._waiting: deque[tuple[int, int, Tensor, torch.cuda.Event | None]] = deque()

    def add(self, step: int, patches: int, value: LossValue, gradient_norm: Tensor) -> None:
        """Send the values of a step on their way."""
        parts = (value.total, value.dice, value.cross_entropy, gradient_norm)
        values = torch.stack([part.detach().float() for part in parts])
        if values.device.type != "cuda":
            self._waiting.append((step, patches, values, None))
            return
        on_host = torch.empty(values.shape, pin_memory=True).copy_(values, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        self._waiting.append((step, patches, on_host, arrived))

    def take(self, *, all_of_them: bool = False) -> list[StepValue]:
        """Return the values that have had a step's time to arrive, or all, in the order of the steps."""
        most = 0 if all_of_them else self._most_waiting
        taken = []
        while len(self._waiting) > most:
            step, patches, values, arrived = self._waiting.popleft()
            if arrived is not None:
                arrived.synchronize()
            total, dice, cross_entropy, norm = values.tolist()
            taken.append(StepValue(step, patches, (total, dice, cross_entropy), norm))
        return taken
