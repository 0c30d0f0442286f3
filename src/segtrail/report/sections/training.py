"""Training: losses, validation and learning rate over the epochs of each stage."""

from collections.abc import Mapping, Sequence

from segtrail.report.figures import (
    draw_helper_losses,
    draw_learning_rate,
    draw_losses,
    draw_validation,
    has_values,
)
from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.record_schema import EpochRow
from segtrail.report.run_contents import RunContents, Stage
from segtrail.report.wording import as_sentence, format_count, format_number, join_words

_READING_LOSSES = (
    "How to read it: the loss should fall and then level out. A loss still falling at the end leaves room for "
    "longer training; jumps or a rise point to a learning rate that is too high."
)
_READING_RATE = (
    "How to read it: this is the schedule as it was followed. One that stops before the rate has come down "
    "belongs to a training that was cut short."
)
_READING_VALIDATION = (
    "How to read it: the curve should rise and level out. A fall while the training loss still drops is "
    "overfitting."
)
_READING_CHOICE = f"{_READING_VALIDATION[:-1]}; a chosen epoch on a lone peak owes something to chance."


def training_section(contents: RunContents) -> list[Part]:
    """Build the learning curves, each with how to read it; with several stages under a heading for each.

    Args:
        contents: The run.

    Returns:
        Up to three figures for each stage, and sentences for those that have nothing to show.
    """
    heading = Heading("Training")
    if not contents.history:
        return [
            heading,
            Paragraph("No epoch ended in this run, so there are no learning curves.", style="missing"),
        ]
    stages = contents.stages
    if len(stages) == 1:
        history = contents.history
        return [
            heading,
            *_losses(history, "losses", _READING_LOSSES),
            *_validation(history, "validation", *_choice(contents)),
            *_learning_rate(history, "learning_rate", _READING_RATE),
        ]
    parts: list[Part] = [heading]
    for place, stage in enumerate(stages):
        parts += _stage(contents, stage, place)
        if place == 0:
            parts += _helpers(contents.helpers, stage)
    return parts


def _stage(contents: RunContents, stage: Stage, place: int) -> list[Part]:
    """The curves of one of several stages; how to read losses and learning rate is said with the first."""
    heading = Heading(f"Stage {stage.name}", level=2)
    if not stage.history:
        return [heading, Paragraph("No epoch of this stage ended.", style="missing")]
    is_last = stage.name == contents.stages[-1].name
    choice = _choice(contents) if is_last else (None, *_passing_on(contents, place))
    return [
        heading,
        *_losses(stage.history, f"losses_{place + 1}", "" if place else _READING_LOSSES),
        *_validation(stage.history, f"validation_{place + 1}", *choice),
        *_learning_rate(stage.history, f"learning_rate_{place + 1}", "" if place else _READING_RATE),
    ]


def _passing_on(contents: RunContents, place: int) -> tuple[str, str]:
    """Say which weights of a stage the next one works with, and how to read their validation."""
    following = contents.stages[place + 1].name
    return (
        f"“{following}” works with the weights after the last epoch.",
        "How to read it: this network only has to find the organ, so that a moderate Dice is enough; "
        "“Regions” shows how well it finds it.",
    )


def _choice(contents: RunContents) -> tuple[int | None, str, str]:
    """The chosen epoch, how it was chosen, and how to read its validation."""
    selection = contents.metrics.selection if contents.metrics else None
    if selection is None:
        return None, "No epoch was chosen in this run.", _READING_CHOICE
    if selection.is_last_by_rule:
        how = "Chosen: the last epoch, as was settled before training; this curve chose nothing."
        return selection.best_epoch, how, _READING_VALIDATION
    return selection.best_epoch, as_sentence(f"Chosen: {selection.rule}"), _READING_CHOICE


def _losses(history: Sequence[EpochRow], file: str, reading: str) -> list[Part]:
    if not has_values(history, "train_loss"):
        return [Paragraph("No training loss was recorded.", style="missing")]
    first, last = history[0], history[-1]
    alt = (
        f"Line chart of the training loss over {format_count(len(history), 'epoch')}: "
        f"{format_number(first.train_loss)} in the first, {format_number(last.train_loss)} in the last."
    )
    caption = f"Training loss and its parts. {reading}".strip()
    return [Figure(f"{file}.svg", alt, caption, draw_losses(history))]


def _validation(
    history: Sequence[EpochRow], file: str, chosen: int | None, how: str, reading: str
) -> list[Part]:
    validated = [row for row in history if row.val_dice is not None]
    if not has_values(history, "val_dice"):
        return [
            Paragraph("No epoch was validated, so there is no curve of the validation Dice.", style="missing")
        ]
    alt = (
        f"Line chart of the validation Dice over {format_count(len(validated), 'validated epoch')}, from "
        f"{format_number(validated[0].val_dice)} to {format_number(validated[-1].val_dice)}"
        + (f"; epoch {chosen} is marked as chosen." if chosen else ".")
    )
    caption = f"Validation Dice of full volumes, mean over cases and classes. {how} {reading}"
    return [Figure(f"{file}.svg", alt, caption, draw_validation(history, chosen))]


def _learning_rate(history: Sequence[EpochRow], file: str, reading: str) -> list[Part]:
    rates = [row.learning_rate for row in history if row.learning_rate is not None]
    if not has_values(history, "learning_rate"):
        return [Paragraph("No learning rate was recorded.", style="missing")]
    alt = f"Line chart of the learning rate: {max(rates):.3g} at its highest, {rates[-1]:.3g} at the end."
    caption = f"Learning rate over the epochs. {reading}".strip()
    return [Figure(f"{file}.svg", alt, caption, draw_learning_rate(history))]


def _helpers(helpers: Mapping[str, Sequence[EpochRow]], stage: Stage) -> list[Part]:
    """Show together the networks that find the regions of the training cases."""
    trained = {name: history for name, history in helpers.items() if has_values(history, "train_loss")}
    if not trained:
        return []
    last = [f"{name} {format_number(history[-1].train_loss)}" for name, history in trained.items()]
    alt = (
        f"Line chart of the training losses of {format_count(len(trained), 'network')}; in the last epoch "
        f"{join_words(last)}."
    )
    caption = (
        f"Training losses of {format_count(len(trained), 'network')} like “{stage.name}”, each trained without its "
        "share of the training cases and used only to find the regions of those, as in new cases. How to read it: "
        "the curves should resemble each other and that of the stage."
    )
    return [Figure("losses_helpers.svg", alt, caption, draw_helper_losses(trained))]
