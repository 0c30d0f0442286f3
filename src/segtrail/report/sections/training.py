"""Training: losses, validation and learning rate over the epochs."""

from collections.abc import Sequence

from segtrail.report.figures import draw_learning_rate, draw_losses, draw_validation, has_values
from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.record_schema import EpochRow
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import as_sentence, format_count, format_number


def training_section(contents: RunContents) -> list[Part]:
    """Build the learning curves, each with how to read it.

    Args:
        contents: The run.

    Returns:
        Up to three figures, and sentences for those that have nothing to show.
    """
    heading = Heading("Training")
    history = contents.history
    if not history:
        return [
            heading,
            Paragraph("No epoch ended in this run, so there are no learning curves.", style="missing"),
        ]
    return [heading, *_losses(history), *_validation(contents), *_learning_rate(history)]


def _losses(history: Sequence[EpochRow]) -> list[Part]:
    if not has_values(history, "train_loss"):
        return [Paragraph("No training loss was recorded.", style="missing")]
    first, last = history[0], history[-1]
    alt = (
        f"Line chart of the training loss over {format_count(len(history), 'epoch')}: "
        f"{format_number(first.train_loss)} in the first, {format_number(last.train_loss)} in the last."
    )
    caption = (
        "Training loss and its parts. How to read it: the loss should fall and then level out. A loss still "
        "falling at the end leaves room for longer training; jumps or a rise point to a learning rate that "
        "is too high."
    )
    return [Figure("losses.svg", alt, caption, draw_losses(history))]


def _validation(contents: RunContents) -> list[Part]:
    history = contents.history
    validated = [row for row in history if row.val_dice is not None]
    if not has_values(history, "val_dice"):
        return [
            Paragraph("No epoch was validated, so there is no curve of the validation Dice.", style="missing")
        ]
    selection = contents.metrics.selection if contents.metrics else None
    chosen = selection.best_epoch if selection else None
    how = as_sentence(f"Chosen: {selection.rule}") if selection else "No epoch was chosen in this run."
    alt = (
        f"Line chart of the validation Dice over {format_count(len(validated), 'validated epoch')}, from "
        f"{format_number(validated[0].val_dice)} to {format_number(validated[-1].val_dice)}"
        + (f"; epoch {chosen} is marked as chosen." if chosen else ".")
    )
    caption = (
        f"Validation Dice of full volumes, mean over cases and classes. {how} How to read it: the curve "
        "should rise and level out. A fall while the training loss still drops is overfitting; a chosen "
        "epoch on a lone peak owes something to chance."
    )
    return [Figure("validation.svg", alt, caption, draw_validation(history, chosen))]


def _learning_rate(history: Sequence[EpochRow]) -> list[Part]:
    rates = [row.learning_rate for row in history if row.learning_rate is not None]
    if not has_values(history, "learning_rate"):
        return [Paragraph("No learning rate was recorded.", style="missing")]
    alt = f"Line chart of the learning rate: {max(rates):.3g} at its highest, {rates[-1]:.3g} at the end."
    caption = (
        "Learning rate over the epochs. How to read it: this is the schedule as it was followed. One that "
        "stops before the rate has come down belongs to a training that was cut short."
    )
    return [Figure("learning_rate.svg", alt, caption, draw_learning_rate(history))]
