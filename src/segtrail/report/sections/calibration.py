"""Whether the probabilities of the network can be taken at their word."""

from collections.abc import Iterator, Sequence

from segtrail.report.calibration_figure import draw_calibration
from segtrail.report.parts import Column, Figure, Heading, Paragraph, Part, Row, Table
from segtrail.report.record_schema import Calibration, CaseCalibration, PooledCalibration
from segtrail.report.wording import SIDE_NAMES, format_count

_MOST_LINES = 6
_MOST_ROWS_TOGETHER = 12
_HOW_TO_READ = (
    "How to read it: on the grey line, of the voxels that the network gives 70%, 70% are of the class; below "
    "it, fewer are than the network says, above it more. A curve below the line throughout gives the class too high a "
    "probability. A curve flatter than the line is that of a network too sure of itself, a steeper one that of one too "
    "cautious. On the right, which share of the voxels stands behind each point, on a logarithmic scale."
)


def calibration_section(calibration: Calibration | None) -> list[Part]:
    """Build the section about probabilities.

    Args:
        calibration: calibration.json; None in runs of older versions.

    Returns:
        A figure and a table for each side; nothing where nothing was measured.
    """
    parts: list[Part] = []
    for side in ("test", "val"):
        pools = [pool for pool in calibration.pooled if pool.split == side] if calibration else []
        if calibration and pools:
            cases = [case for case in calibration.cases if case.split == side]
            parts += [_figure(pools, side), _table(pools, cases, side, calibration.margin_mm)]
    if not parts:
        return []
    text = (
        "A label map says which class is the likeliest, not how sure the network was. Whoever uses its probabilities, "
        "for a threshold of their own or to send doubtful cases to a person, needs to know whether they hold."
    )
    return [Heading("Calibration", level=2), Paragraph(text), *parts]


def _figure(pools: Sequence[PooledCalibration], side: str) -> Figure:
    shown = sorted(pools, key=lambda pool: -sum(one.voxels for one in pool.bins))[:_MOST_LINES]
    names = {pool.class_name for pool in shown}
    drawn = {pool.class_name: pool.bins for pool in pools if pool.class_name in names}
    errors = ", ".join(f"{pool.class_name} {pool.error:.3f}" for pool in pools if pool.class_name in names)
    alt = f"Reliability diagram of the {SIDE_NAMES[side]} cases; expected calibration error: {errors}."
    left = len(pools) - len(drawn)
    others = (
        f" {format_count(left, 'smaller class', 'smaller classes')} stand in the table alone." if left else ""
    )
    caption = f"{SIDE_NAMES[side].capitalize()}: probabilities and what came true.{others} {_HOW_TO_READ}"
    return Figure(f"calibration_{side}.svg", alt, caption, draw_calibration(drawn))


def _table(
    pools: Sequence[PooledCalibration], cases: Sequence[CaseCalibration], side: str, margin_mm: float
) -> Table:
    titles = ("Cases", "Error (ECE)", "Bias", "Largest error of a case")
    columns = [Column("Class", 1.6), *(Column(title, 1, "right") for title in titles[:3])]
    columns.append(Column(titles[3], 2, "right"))
    caption = (
        f"{SIDE_NAMES[side].capitalize()}: expected calibration error, the mean vertical distance of the bins from "
        "the line, weighted by their voxels, and bias, mean probability minus the share of the class: positive where "
        "the network sees too much. Of the voxels in the box around reference and prediction, widened by at least "
        f"{margin_mm:g} mm, in whole voxels."
    )
    rows = list(_rows(pools, cases))
    return Table(columns, rows, caption, keep_together=len(rows) <= _MOST_ROWS_TOGETHER)


def _rows(pools: Sequence[PooledCalibration], cases: Sequence[CaseCalibration]) -> Iterator[Row]:
    for pool in pools:
        worst = max(
            (case for case in cases if case.class_name == pool.class_name),
            key=lambda case: case.error,
            default=None,
        )
        of_worst = "" if worst is None else f"{worst.error:.3f} ({worst.case})"
        yield Row([pool.class_name, str(pool.cases), f"{pool.error:.3f}", f"{pool.bias:+.3f}", of_worst])
