"""Reading nnU-Net's training logs: what an epoch gave, which was the best, and what was validated."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import shown_list
from segtrail.recording.foreign_training import ForeignEpoch

_MOST_BYTES = 256_000_000
LOG_NAME = re.compile(r"training_log_(\d{1,4}(?:_\d{1,2}){5})\.txt")
# Only nnU-Net's own lines begin with a time; what it prints of plans and errors does not.
_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?: (?P<text>.*?)\s*")
_NUMBER = r"([-+]?(?:\d[\d.]*(?:[eE][-+]?\d+)?|nan|inf))"
_EPOCH = re.compile(r"Epoch (\d{1,5})")
_RATE = re.compile(f"Current learning rate: {_NUMBER}")
_LOSS = re.compile(f"(train_loss|val_loss) {_NUMBER}")
_DICE = re.compile(r"Pseudo dice \[(.*)\]")
_SECONDS = re.compile(f"Epoch time: {_NUMBER} s")
_BEST = re.compile(f"Yayy! New best EMA pseudo Dice: {_NUMBER}")
_SPLIT = re.compile(r"This split has (\d{1,7}) training and (\d{1,7}) validation cases\.")
_PREDICTING = re.compile(r"predicting (.+)")
_NUMPY = re.compile(r"np\.float\d+\(([^()]*)\)")


@dataclass(frozen=True)
class LoggedTraining:
    """What the training logs of a fold say, taken together.

    Attributes:
        history: Whole epochs in their order.
        best_epoch: Epoch whose weights ``checkpoint_best.pth`` holds; None where no log says so.
        best_was_redone: That epoch belongs to a part of the training that was broken off and trained again.
        predicted: Cases whose label maps were made after the last epoch, as far as the log names them.
        is_validated: The validation after the last epoch came to its end.
        n_cases: How many cases the fold trained on, and how many it kept from it; None where no log says so.
        gaps: What is missing, in sentences.
    """

    history: Sequence[ForeignEpoch] = ()
    best_epoch: int | None = None
    best_was_redone: bool = False
    predicted: frozenset[str] = frozenset()
    is_validated: bool = False
    n_cases: tuple[int, int] | None = None
    gaps: Sequence[str] = ()


@dataclass
class _Merged:
    """The state while logs are read, the oldest first."""

    epochs: dict[int, ForeignEpoch] = field(default_factory=dict)
    best_epoch: int | None = None
    best_was_redone: bool = False
    predicted: set[str] = field(default_factory=set)
    is_validated: bool = False
    n_cases: tuple[int, int] | None = None
    told_cases: tuple[int, int] | None = None
    not_finite: set[int] = field(default_factory=set)
    cut: list[int] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    begun: ForeignEpoch | None = None


def find_logs(fold: Path) -> list[Path]:
    """Return the training logs of a fold, the oldest first; each start of nnU-Net writes one of its own."""
    named = [(LOG_NAME.fullmatch(path.name), path) for path in fold.iterdir()]
    dated = [([int(part) for part in name[1].split("_")], path) for name, path in named if name]
    return [path for _, path in sorted(dated) if is_file_inside(path, fold)]


def read_logs(logs: Sequence[Path]) -> LoggedTraining:
    """Read training logs; where two name an epoch, the later one counts.

    A log that begins at an epoch which is there already goes on from a checkpoint, or anew: what came from that epoch
    on was thrown away by nnU-Net, and is here.

    Args:
        logs: The logs, the oldest first.
    """
    state = _Merged()
    for log in logs:
        _read_one(log, state)
    history = [state.epochs[number] for number in sorted(state.epochs)]
    return LoggedTraining(
        history=history,
        best_epoch=state.best_epoch,
        best_was_redone=state.best_was_redone,
        predicted=frozenset(state.predicted),
        is_validated=state.is_validated,
        n_cases=state.n_cases,
        gaps=[*state.gaps, *_gaps_of(state)],
    )


def mean_dice(values: Sequence[float]) -> float | None:
    """Return the mean over classes, those that are not a number left out; None where all are."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _read_one(log: Path, state: _Merged) -> None:
    state.begun = state.told_cases = None
    first = True
    for text in _lines(log, state):
        number = _EPOCH.fullmatch(text)
        if number:
            _begin(int(number[1]) + 1, state, is_first=first)
            first = False
        elif state.begun is not None:
            _read_epoch(text, state.begun, state)
        else:
            _read_between(text, state)
    if state.begun is not None:
        state.cut.append(state.begun.epoch)


def _lines(log: Path, state: _Merged) -> Iterator[str]:
    try:
        if log.stat().st_size > _MOST_BYTES:
            state.gaps.append(f"{log.name} is larger than {_MOST_BYTES // 1_000_000} MB, and was not read.")
            return
        content = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        state.gaps.append(f"{log.name} can't be read: {error.strerror}.")
        return
    # The last line counts only when its end was written.
    for line in content.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match:
            yield match["text"]


def _begin(epoch: int, state: _Merged, *, is_first: bool) -> None:
    """Begin an epoch; a log's first one throws away what earlier logs say from there on."""
    if state.begun is not None:
        state.cut.append(state.begun.epoch)
    if is_first:
        state.n_cases = state.told_cases  # a later validation may have been of another split
        for number in [number for number in state.epochs if number >= epoch]:
            del state.epochs[number]
        if state.best_epoch is not None and state.best_epoch >= epoch:
            state.best_was_redone = True
    state.begun = ForeignEpoch(epoch)
    state.predicted.clear()
    state.is_validated = False


def _read_epoch(text: str, epoch: ForeignEpoch, state: _Merged) -> None:
    """Read a line within an epoch, whose time is the last thing that is said of it."""
    if match := _RATE.fullmatch(text):
        state.begun = replace(epoch, learning_rate=_number(match[1]))
    elif match := _LOSS.fullmatch(text):
        value = _number(match[2])
        if value is None:
            state.not_finite.add(epoch.epoch)
        state.begun = (
            replace(epoch, train_loss=value) if match[1] == "train_loss" else replace(epoch, val_loss=value)
        )
    elif match := _DICE.fullmatch(text):
        state.begun = replace(epoch, val_dice_patches=_mean_of_list(match[1]))
    elif match := _SECONDS.fullmatch(text):
        state.epochs[epoch.epoch] = replace(epoch, seconds=_number(match[1]))
        state.begun = None


def _read_between(text: str, state: _Merged) -> None:
    """Read a line behind an epoch's time: whether it was the best, and what is validated."""
    if _BEST.fullmatch(text) and state.epochs:
        state.best_epoch = max(state.epochs)
        state.best_was_redone = False
    elif match := _PREDICTING.fullmatch(text):
        if state.is_validated:  # once more, perhaps with other weights
            state.is_validated = False
            state.predicted.clear()
        state.predicted.add(match[1])
    elif match := _SPLIT.fullmatch(text):
        state.told_cases = (int(match[1]), int(match[2]))
    elif text == "Validation complete":
        state.is_validated = True


def _gaps_of(state: _Merged) -> Iterator[str]:
    missing = [number for number in range(1, max(state.epochs, default=0)) if number not in state.epochs]
    if missing:
        yield f"The training logs lack {_named(missing)}."
    cut = sorted(set(state.cut) - set(state.epochs))
    if cut:
        yield f"The training log breaks off within {_named(cut)}; what it says of it is left out."
    not_finite = sorted(state.not_finite & set(state.epochs))
    if not_finite:
        yield f"The loss is no finite number in {_named(not_finite)}."


def _named(epochs: Sequence[int]) -> str:
    return f"epoch{'s' if len(epochs) > 1 else ''} {shown_list([str(epoch) for epoch in epochs])}"


def _mean_of_list(text: str) -> float | None:
    """Read a list of numbers, which NumPy 2 writes as ``[np.float32(0.5), nan]``."""
    parts = [part.strip() for part in _NUMPY.sub(r"\1", text).split(",")]
    return mean_dice([value for part in parts if (value := _number(part)) is not None])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
