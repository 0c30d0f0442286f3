"""The curves of all runs together."""

from collections.abc import Sequence

from segtrail.report.parts import Figure, Heading, Paragraph, Part
from segtrail.report.record_schema import EpochRow
from segtrail.report.wording import format_count, format_number, join_words
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.figures import curves_known, draw_curves


def curves_section(comparison: RunComparison) -> list[Part]:
    """Build the curves of all runs in one picture.

    Args:
        comparison: The comparison.

    Returns:
        A figure, and a sentence for runs without epochs.
    """
    heading = Heading("Curves")
    histories = {run.name: run.last_stage for run in comparison.runs}
    without = [name for name, rows in histories.items() if not curves_known({name: rows})]
    missing: list[Part] = []
    if without:
        missing.append(
            Paragraph(f"No epochs are on record, or can be read, for {join_words(without)}.", "missing")
        )
    known = {name: rows for name, rows in histories.items() if name not in without}
    if not known:
        return [heading, *missing]
    ends = [f"{name} {format_count(rows[-1].epoch, 'epoch')}{_highest(rows)}" for name, rows in known.items()]
    caption = (
        "Training loss and validation Dice of the runs, of the last stage of each. How to read it: Dice compares where "
        "the runs validated on the same cases; losses compare only where the settings of loss and augmentation are "
        "those of both. A run with fewer epochs ends earlier."
    )
    alt = f"Line charts over the epochs, a line for each run: {'; '.join(ends)}."
    return [heading, Figure("curves.svg", alt, caption, draw_curves(known)), *missing]


def _highest(rows: Sequence[EpochRow]) -> str:
    dice = [row.val_dice for row in rows if row.val_dice is not None]
    return f", highest validation Dice {format_number(max(dice))}" if dice else ""
