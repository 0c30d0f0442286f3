"""The record of another program's training: what was run, on what, with which outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.filesize import decimal

from segtrail.report.figures import draw_columns, draw_learning_rate, has_values
from segtrail.report.parts import Column, Fact, Facts, Figure, Heading, Notice, Paragraph, Part, Row, Table
from segtrail.report.record_schema import EpochRow, Recorded, RecordedData
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.configuration import flatten
from segtrail.report.sections.result_text import result_paragraphs
from segtrail.report.sections.summary import (
    citing,
    intended_use,
    picture_on_first_page,
    shortened,
    status_notice,
)
from segtrail.report.sections.verdict import verdict
from segtrail.report.wording import as_sentence, format_count, format_duration, format_number

_WHAT_IT_IS = (
    "Another program trained; segtrail ran it, kept what it could, and measured the label maps that it left. What that "
    "program did with the data inside is its own to tell."
)
_NOTHING_MEASURED = (
    "No label map was measured: none was named, or none was made. What the program says of its results stands in its "
    "outputs."
)
_CHANGES_SHOWN = 10
_LONGEST_LIST = 40


def recorded_summary(contents: RunContents, recorded: Recorded) -> list[Part]:
    """Build the first page.

    Args:
        contents: The run.
        recorded: What it is the record of.

    Returns:
        The status where it did not end well, what it is, the result, the best picture and the facts.
    """
    result = [_NOTHING_MEASURED] if contents.metrics is None else result_paragraphs(contents)
    return [
        *status_notice(contents),
        Notice("Result", result),
        *verdict(contents),
        Heading("The training at a glance", level=2),
        shortened(_at_a_glance(contents, recorded)),
        Paragraph(_WHAT_IT_IS, style="small"),
        *intended_use(contents),
        *citing(contents),
        *picture_on_first_page(contents),
    ]


def _at_a_glance(contents: RunContents, recorded: Recorded) -> list[Fact]:
    run = contents.run
    planned = "" if recorded.planned_epochs is None else f" of {recorded.planned_epochs:,} planned"
    cases = [] if recorded.train_cases is None else [f"{recorded.train_cases} training"]
    cases += [f"{len(recorded.measured)} validation"] if recorded.measured else []
    optional = [
        Fact("Network", recorded.network or ""),
        Fact("Data set", recorded.data_set or ""),
        Fact("Cases", ", ".join(cases)),
        Fact("Epochs", f"{len(contents.history):,} on record{planned}" if contents.history else ""),
        Fact("Time", format_duration(run.seconds["command"]) if "command" in run.seconds else ""),
        Fact("Operator", run.operator or ""),
        Fact("Note", run.note),
    ]
    exit_code = "none: it did not end" if recorded.exit_code is None else str(recorded.exit_code)
    return [
        Fact("Program", recorded.program),
        Fact("Exit code", exit_code),
        *(fact for fact in optional if fact.text),
    ]


def recorded_curves(contents: RunContents) -> list[Part]:
    """Build the learning curves that the program's log gives.

    Args:
        contents: The run.

    Returns:
        Up to three figures, or a sentence where there are none.
    """
    heading, history = Heading("Training"), contents.history
    if not history:
        text = "The record holds no epochs: the program's log was not read."
        return [heading, Paragraph(text, style="missing")]
    return [
        heading,
        *_chart(
            history,
            {"train_loss": "training loss", "val_loss": "validation loss"},
            "losses",
            "loss",
            "Losses as the program defines them. How to read it: both should fall and level out; a validation loss "
            "that rises while the training loss falls is overfitting.",
        ),
        *_chart(
            history,
            {"val_dice": "of full volumes", "val_dice_patches": "of patches"},
            "validation",
            "Dice",
            "Validation Dice as the program logged it. How to read it: a Dice of patches is an estimate on the way, "
            "and is no Dice of full volumes; those stand under “Metrics over cases”.",
        ),
        *_rates(history),
    ]


def _chart(
    history: Sequence[EpochRow], labels: Mapping[str, str], file: str, y_label: str, caption: str
) -> list[Part]:
    known = {column: label for column, label in labels.items() if has_values(history, column)}
    if not known:
        return []
    ends = [f"{label} {format_number(_last_value(history, column))}" for column, label in known.items()]
    alt = f"Line chart over {format_count(len(history), 'epoch')}; at the end {', '.join(ends)}."
    return [Figure(f"{file}.svg", alt, caption, draw_columns(history, known, y_label))]


def _last_value(history: Sequence[EpochRow], column: str) -> float | None:
    values = [getattr(row, column) for row in history]
    return next((float(value) for value in reversed(values) if value is not None), None)


def _rates(history: Sequence[EpochRow]) -> list[Part]:
    if not has_values(history, "learning_rate"):
        return []
    rates = [row.learning_rate for row in history if row.learning_rate is not None]
    alt = f"Line chart of the learning rate: {max(rates):.3g} at its highest, {rates[-1]:.3g} at the end."
    caption = "Learning rate over the epochs, as the program logged it."
    return [Figure("learning_rate.svg", alt, caption, draw_learning_rate(history))]


def recorded_training(contents: RunContents, recorded: Recorded) -> list[Part]:
    """Build the section about command, data and outputs.

    Args:
        contents: The run.
        recorded: What it is the record of.

    Returns:
        Facts, and what is not on record.
    """
    outputs = recorded.outputs
    kept = "none" if outputs is None else f"{format_count(outputs.files, 'file')}, {decimal(outputs.bytes)}"
    facts = [
        Fact("Command", " ".join(recorded.command), code=True),
        Fact("How it ended", as_sentence(contents.run.ended_because or "it did not end")),
        *_of_data(recorded.data),
        Fact(
            "Outputs kept",
            f"{kept}{' beside those that the adapter read' if recorded.adapter else ''}, in outputs/",
        ),
    ]
    if recorded.adapter is not None:
        facts.append(Fact("Read by", f"the adapter {recorded.adapter}"))
    facts += [Fact("Not on record", as_sentence(gap)) for gap in [*recorded.gaps, *recorded.not_found]]
    return [Heading("What was recorded", starts_page=True), Facts(facts)]


def _of_data(data: RecordedData | None) -> list[Fact]:
    if data is None:
        return [Fact("Data", "No data set was named, so none is on record.")]
    opened = (
        "which of them it opened, this system did not tell"
        if data.opened is None
        else f"{data.opened:,} of them were opened while it ran"
    )
    facts = [
        Fact("Data", f"{format_count(data.files, 'file')}, {decimal(data.bytes)}; {opened}."),
        Fact("SHA-256 of the list of files", data.sha256, code=True),
    ]
    shown = [f"{path} ({how})" for path, how in list(data.changes.items())[:_CHANGES_SHOWN]]
    more = len(data.changes) - len(shown)
    if shown:
        text = ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")
        facts.append(Fact("Not as they were before", text))
    return facts


def recorded_configuration(configuration: Mapping[str, Any] | None) -> list[Part]:
    """Build the table of what the training was configured with, as far as an adapter read it.

    Args:
        configuration: training_configuration.json.

    Returns:
        The table; nothing where there is none.
    """
    if not configuration:
        return []
    rows = [Row([key, _shortened(value)]) for key, value in flatten(configuration)]
    columns = [Column("Key", 1.1, code=True), Column("Value", 1, code=True)]
    caption = (
        "What the training was configured with, from the program's own files; long values are cut here alone."
    )
    return [Heading("Configuration"), Table(columns, rows, caption, side_by_side=True)]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LIST else f"{text[:_LONGEST_LIST]}…"
