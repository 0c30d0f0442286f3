"""The loss, alone or over the outputs of deep supervision."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segtrail.config.schema import LossConfig
from segtrail.errors import InputError
from segtrail.networks.build import import_by_path


@dataclass(frozen=True)
class LossValue:
    """A loss and its parts; ``total`` carries the gradient."""

    total: Tensor
    dice: Tensor
    cross_entropy: Tensor


class SegmentationLoss(nn.Module):
    """Dice + cross entropy, each on softmax over classes; Dice leaves the background out.

    The cross entropy takes one-hot targets, because torch has no deterministic backward pass for class
    indices in 3D on CUDA. Deep supervision weighs each lower output half as much as the one above it
    (Isensee et al. 2021, Nature Methods 18:203-211).

    Args:
        config: Names the loss and its weights.
        n_classes: Classes, background included.
    """

    def __init__(self, config: LossConfig, n_classes: int) -> None:
        super().__init__()
        from monai.losses import DiceLoss

        self.config = config
        self.n_classes = n_classes
        self.dice = DiceLoss(softmax=True, include_background=False, batch=config.batch_dice)
        self.own: nn.Module | None = None
        if ":" in config.name:
            self.own = import_by_path(config.name, "train.loss.name")[0]()
            if not callable(self.own):
                raise InputError(f"train.loss.name {config.name} gives an object that can't be called.")

    def forward(self, output: Tensor, labels: Tensor) -> LossValue:
        """Compute the loss.

        Args:
            output: Logits (B, classes, x, y, z), or (B, outputs, classes, x, y, z) of deep supervision.
            labels: Labels (B, x, y, z), integers.

        Returns:
            The loss and its parts.
        """
        target = one_hot(labels, self.n_classes)
        outputs = [output] if output.ndim == 5 else list(output.unbind(dim=1))
        weights = [0.5**level for level in range(len(outputs))]
        parts = [self._single(logits.float(), target) for logits in outputs]

        def mean(name: str) -> Tensor:
            pairs = zip(weights, parts, strict=True)
            total: Tensor = sum(
                (w * getattr(part, name) for w, part in pairs), torch.zeros((), device=target.device)
            )
            return total / sum(weights)

        return LossValue(mean("total"), mean("dice"), mean("cross_entropy"))

    def _single(self, logits: Tensor, target: Tensor) -> LossValue:
        dice = self.dice(logits, target)
        cross_entropy = nn.functional.cross_entropy(logits, target)
        if self.own is not None:
            return LossValue(self.own(logits, target), dice.detach(), cross_entropy.detach())
        total = self.config.dice_weight * dice + self.config.cross_entropy_weight * cross_entropy
        return LossValue(total, dice.detach(), cross_entropy.detach())


def one_hot(labels: Tensor, n_classes: int) -> Tensor:
    """Turn labels (B, x, y, z) into float32 planes (B, classes, x, y, z)."""
    classes = torch.arange(n_classes, device=labels.device, dtype=labels.dtype)
    return (labels.unsqueeze(1) == classes.view(1, -1, 1, 1, 1)).float()
