"""What an adapter reads of another program's training, in the terms of a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ForeignEpoch:
    """One epoch as another program logged it; None where it does not say.

    Attributes:
        epoch: Its number, from 1.
        train_loss: Mean training loss, as that program defines it.
        val_loss: Mean validation loss.
        val_dice: Mean Dice of full validation volumes.
        val_dice_patches: Dice that was estimated on validation patches, which is no Dice of volumes.
        learning_rate: Learning rate.
        seconds: Time on the clock.
    """

    epoch: int
    train_loss: float | None = None
    val_loss: float | None = None
    val_dice: float | None = None
    val_dice_patches: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class LabelPair:
    """A label map that the training made of a validation case, and its reference.

    Attributes:
        case: Name of the case.
        prediction: The label map.
        reference: The reference on the same grid.
        images: The image, or a file for each of its channels; none where it is not known.
    """

    case: str
    prediction: Path
    reference: Path
    images: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ForeignTraining:
    """A training of another program.

    Attributes:
        program: Its name, and its version where that is known.
        network: Name of the network; None where it is not known.
        data_set: Name of the data set; None where it is not known.
        classes: Label values of each class by its name, without background; several where classes overlap.
        ignored_label: A label value whose voxels count for nothing; None where there is none.
        planned_epochs: How many epochs were planned; None where it is not known.
        history: The epochs, in their order.
        best_epoch: The epoch that the program chose; None where it is not known.
        chosen_how: How it chose, in words.
        configuration: What the training was configured with: plain values for JSON, without machine paths.
        best_checkpoint: The weights that made the label maps; None where there are none.
        train_cases: Cases that were trained on.
        validation: The label maps of validation cases with their references.
        own_dice: The Dice that the program itself gives, by case and class; None where it gives none.
        kept: Files that the record keeps as they are, by the path that they get in it.
        with_machine_paths: Those of the kept files that are texts which may name folders, the host or the login: they
            are redacted as they are kept.
        gaps: What could not be found out, in sentences.
    """

    program: str
    network: str | None = None
    data_set: str | None = None
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ignored_label: int | None = None
    planned_epochs: int | None = None
    history: Sequence[ForeignEpoch] = ()
    best_epoch: int | None = None
    chosen_how: str = ""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    best_checkpoint: Path | None = None
    train_cases: Sequence[str] = ()
    validation: Sequence[LabelPair] = ()
    own_dice: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    kept: Mapping[str, Path] = field(default_factory=dict)
    with_machine_paths: Collection[str] = ()
    gaps: Sequence[str] = ()
