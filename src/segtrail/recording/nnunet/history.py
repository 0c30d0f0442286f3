"""The epochs of a training of nnU-Net, the best of them, and the weights that its validation used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segtrail.dataset.containment import is_file_inside
from segtrail.errors import InputError
from segtrail.recording.foreign_training import ForeignEpoch
from segtrail.recording.nnunet.checkpoint import CheckpointFacts, read_checkpoint
from segtrail.recording.nnunet.log import LoggedTraining

_FINAL, _BEST, _LATEST = "checkpoint_final.pth", "checkpoint_best.pth", "checkpoint_latest.pth"
_RULE = (
    "the highest moving average of the Dice of validation patches, in which an epoch counts for a tenth and the "
    "average before it for the rest"
)
# The log rounds to four decimals.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs of a training, and its weights.

    Attributes:
        epochs: The epochs in their order.
        best_epoch: The epoch that nnU-Net chose; None where it is not known.
        chosen_how: How it chose, and which weights made the label maps.
        weights: The checkpoint that made the label maps; None where it is not there.
        gaps: What is missing or in doubt, in sentences.
    """

    epochs: Sequence[ForeignEpoch]
    best_epoch: int | None
    chosen_how: str
    weights: Path | None
    gaps: Sequence[str]


def read_history(
    fold: Path, logged: LoggedTraining, *, with_best: bool | None, has_label_maps: bool
) -> TrainingHistory:
    """Put together what the training logs and the checkpoints say.

    Args:
        fold: The fold's folder.
        logged: What the training logs say.
        with_best: Whether ``checkpoint_best.pth`` made the label maps; None where it is not known.
        has_label_maps: Whether there are label maps of a validation.
    """
    gaps: list[str] = []
    checkpoints = _read_checkpoints(fold, logged, gaps)
    best_epoch = _best_epoch(checkpoints, logged)
    if best_epoch is None:
        gaps.append("It is not known which epoch nnU-Net took for the best.")
    elif logged.best_was_redone:
        gaps.append(
            f"{_BEST} holds the weights of epoch {best_epoch} of a part of the training that was broken off and "
            "trained again; the history tells of the later one."
        )
    name = _BEST if with_best else _FINAL
    weights = fold / name if name in checkpoints else None
    if weights is None:
        gaps.append(f"{fold.name} has no {name} of this training, so that the record has no weights.")
    if with_best is None and has_label_maps:
        gaps.append(
            "nnU-Net's files do not say which checkpoint made the label maps of the validation; taken is its default, "
            f"{_FINAL}. With --val_best it would be {_BEST}."
        )
    made = _what_made_label_maps(name, checkpoints.get(name)) if has_label_maps else ""
    return TrainingHistory(
        epochs=_merge(checkpoints, logged),
        best_epoch=best_epoch,
        chosen_how=f"{_how_chosen(best_epoch)}{made}",
        weights=weights,
        gaps=gaps,
    )


def _read_checkpoints(
    fold: Path, logged: LoggedTraining, gaps: list[str]
) -> dict[str, CheckpointFacts | None]:
    """Read the checkpoints that are there; None stands for one that says nothing."""
    found: dict[str, CheckpointFacts | None] = {}
    for name in (_FINAL, _LATEST, _BEST):
        if not (fold / name).is_file():
            continue
        if not is_file_inside(fold / name, fold):
            gaps.append(f"{name} is a link out of {fold.name}, and was left out.")
            continue
        try:
            facts = read_checkpoint(fold / name, fold)
        except InputError as error:
            gaps.append(str(error))
            found[name] = None
            continue
        if name == _FINAL and not _agree(facts.history, logged.history):
            gaps.append(
                f"{name} is not of the training that the logs tell of: their losses differ. It was left out."
            )
            continue
        found[name] = facts
    return found


def _agree(first: Sequence[ForeignEpoch], second: Sequence[ForeignEpoch]) -> bool:
    losses = {epoch.epoch: epoch.train_loss for epoch in first}
    pairs = [(losses.get(epoch.epoch), epoch.train_loss) for epoch in second]
    return all(one is None or other is None or abs(one - other) <= _ROUNDING for one, other in pairs)


def _best_epoch(checkpoints: Mapping[str, CheckpointFacts | None], logged: LoggedTraining) -> int | None:
    best = checkpoints.get(_BEST)
    return logged.best_epoch if best is None or best.epoch is None else best.epoch


def _merge(
    checkpoints: Mapping[str, CheckpointFacts | None], logged: LoggedTraining
) -> Sequence[ForeignEpoch]:
    """Take what a checkpoint says, which is not rounded, and from the logs what came behind it."""
    epochs = {epoch.epoch: epoch for epoch in logged.history}
    for name in (_FINAL, _LATEST, _BEST):
        facts = checkpoints.get(name)
        if facts is not None and _agree(facts.history, logged.history):
            epochs |= {epoch.epoch: epoch for epoch in facts.history}
            break
    return [epochs[number] for number in sorted(epochs)]


def _how_chosen(best_epoch: int | None) -> str:
    if best_epoch is None:
        return ""
    return f"nnU-Net took epoch {best_epoch} for the best: {_RULE}. {_BEST} holds its weights."


def _what_made_label_maps(name: str, facts: CheckpointFacts | None) -> str:
    behind = "" if facts is None or facts.epoch is None else f", the weights behind epoch {facts.epoch}"
    return f" The label maps of the validation were made with {name}{behind}."
