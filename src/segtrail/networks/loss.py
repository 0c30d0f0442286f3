"""The loss, alone or over the outputs of deep supervision."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segtrail.config.schema import LossConfig
from segtrail.errors import InputError
from segtrail.networks.build import import_by_path

_SMALL = 1e-5  # keeps a class that is nowhere from dividing by zero


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
        self.config = config
        self.n_classes = n_classes
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
        dice = soft_dice_loss(logits, target, batch=self.config.batch_dice)
        cross_entropy = nn.functional.cross_entropy(logits, target)
        if self.own is not None:
            return LossValue(self.own(logits, target), dice.detach(), cross_entropy.detach())
        total = self.config.dice_weight * dice + self.config.cross_entropy_weight * cross_entropy
        return LossValue(total, dice.detach(), cross_entropy.detach())


def soft_dice_loss(logits: Tensor, target: Tensor, *, batch: bool) -> Tensor:
    """Compute one minus the soft Dice, the mean over the classes but the background.

    Probabilities take the place of the predicted mask (Milletari et al. 2016, 3DV, 565-571; here with sums in place of
    sums of squares): 2 TP / (2 TP + FP + FN), with 1e-5 added above and below the line. MONAI's ``DiceLoss`` gives the
    same, but importing it costs seconds at the start of every training.

    Args:
        logits: Shape (B, classes, x, y, z), float32.
        target: One-hot labels of the same shape.
        batch: Whether the patches of a batch are measured together; else each by itself, then averaged.

    Returns:
        A number from 0 to 1.
    """
    axes = (0, 2, 3, 4) if batch else (2, 3, 4)
    probabilities, reference = torch.softmax(logits, dim=1)[:, 1:], target[:, 1:]
    true_positives = (probabilities * reference).sum(axes)
    false_positives = probabilities.sum(axes) - true_positives
    false_negatives = reference.sum(axes) - true_positives
    sizes = 2 * (true_positives + 0.5 * false_positives + 0.5 * false_negatives)
    dice = (2 * true_positives + _SMALL) / (sizes + _SMALL)
    return (1.0 - dice).mean()


def one_hot(labels: Tensor, n_classes: int) -> Tensor:
    """Turn labels (B, x, y, z) into float32 planes (B, classes, x, y, z)."""
    classes = torch.arange(n_classes, device=labels.device, dtype=labels.dtype)
    return (labels.unsqueeze(1) == classes.view(1, -1, 1, 1, 1)).float()
