"""The first page: what was trained on what, with which result."""

from collections.abc import Sequence
from dataclasses import replace

from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.parts import Fact, Facts, Figure, Heading, Notice, Paragraph, Part
from segtrail.report.record_schema import Model, RunRecord
from segtrail.report.run_contents import RunContents, Stage
from segtrail.report.sections.pictures import best_picture
from segtrail.report.sections.result_text import result_paragraphs
from segtrail.report.sections.verdict import verdict
from segtrail.report.wording import (
    SIDE_NAMES,
    as_sentence,
    format_count,
    format_duration,
    format_number,
    join_words,
)

RESEARCH_USE = (
    "For research use only. Not a medical device: not for diagnosis, nor for decisions about a patient."
)

_LONGEST_FACT = 110


def summary_section(contents: RunContents) -> list[Part]:
    """Build the first page.

    Args:
        contents: The run.

    Returns:
        The status where the run did not finish, the result, the best picture and the facts.
    """
    return [
        *status_notice(contents),
        Notice("Result", result_paragraphs(contents)),
        *verdict(contents),
        Heading("The run at a glance", level=2),
        shortened(facts_at_a_glance(contents)),
        *intended_use(contents),
        *citing(contents),
        *picture_on_first_page(contents),
    ]


def shortened(facts: Sequence[Fact]) -> Facts:
    """Cut facts so that they stay on the first page; the sections behind it have them whole."""
    return Facts([replace(fact, text=_cut(fact.text)) for fact in facts], columns=2)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_FACT else f"{text[: _LONGEST_FACT - 1]}…"


def picture_on_first_page(contents: RunContents) -> list[Part]:
    """Give the best case what is left of the first page."""
    return [
        replace(part, fills_page=True) if isinstance(part, Figure) else part
        for part in best_picture(contents)
    ]


def intended_use(contents: RunContents) -> list[Part]:
    """Say what the network is for, as the model card has it, and what it is not for."""
    use = contents.card.intended_use if contents.card else ""
    return [Paragraph(f"Intended use: {use} {RESEARCH_USE}" if use else RESEARCH_USE, style="small")]


def citing(contents: RunContents) -> list[Part]:
    """Give the fingerprint, where the run has one."""
    if contents.fingerprint is None:
        return []
    return [
        Paragraph(f"Fingerprint of this run, to be cited with it: {contents.fingerprint}.", style="small")
    ]


def status_notice(contents: RunContents) -> list[Part]:
    """Say it where a run did not end well, or went on under other conditions."""
    run, epochs = contents.run, _recorded_epochs(contents)
    reason = [as_sentence(run.ended_because)] if run.ended_because else []
    if run.status == "failed":
        return [
            Notice("This run failed", [*reason, f"It recorded {epochs}. What follows is no result."], "bad")
        ]
    if run.status == "interrupted":
        scope = (
            f"It recorded {epochs}. What follows shows how far it came, not what a whole training reaches."
        )
        return [Notice("This run was interrupted", [*reason, scope, *_going_on(contents)], "warning")]
    changed = [entry for entry in run.resumed if entry.differences]
    if run.status == "finished" and changed:
        scope = (
            "It was interrupted and gone on with under other conditions than those it began with, so it can't be "
            "repeated bit for bit. “Provenance” lists them."
        )
        return [Notice("This run did not go on as it began", [scope], "warning")]
    if run.status == "running":
        scope = (
            f"This report was made after {epochs}, before the run ended. Make it again once the run is done."
        )
        return [Notice("This run had not ended", [scope], "warning")]
    return []


def _going_on(contents: RunContents) -> list[str]:
    """Say how to go on; nothing of what another program trained and of a shared copy, which can't be gone on with."""
    if contents.run.recorded is not None or contents.share is not None:
        return []
    return ["“segtrail resume” goes on with it where it stopped."]


def _recorded_epochs(contents: RunContents) -> str:
    stages = contents.stages
    if len(stages) == 1:
        return format_count(len(contents.history), "epoch")
    return join_words([f"{format_count(len(stage.history), 'epoch')} of {stage.name}" for stage in stages])


def facts_at_a_glance(contents: RunContents) -> list[Fact]:
    """List what was trained, on what, for how long and by whom.

    Args:
        contents: The run.

    Returns:
        Facts.
    """
    run = contents.run
    facts = [
        *_data_facts(contents.dataset),
        _networks(contents.stages),
        Fact("Device", _device(run)),
        Fact("Epochs", _epochs(contents)),
        *_selection_facts(contents),
    ]
    if "train" in run.seconds:
        facts.append(Fact("Training time", format_duration(run.seconds["train"])))
    if run.operator:
        facts.append(Fact("Operator", run.operator))
    if run.note:
        facts.append(Fact("Note", run.note))
    return facts


def _data_facts(dataset: DatasetSummary | None) -> list[Fact]:
    if dataset is None:
        return [Fact("Data set", "not recorded: dataset_summary.json is missing")]
    sides = [case.side for case in dataset.cases]
    counts = [f"{sides.count(side)} {name}" for side, name in SIDE_NAMES.items() if side in sides]
    modality = ", ".join(dataset.modality.values())
    return [
        Fact("Data set", f"{dataset.name} ({modality})" if modality else dataset.name),
        Fact("Cases", join_words(counts) if counts else "none"),
        Fact("Licence", dataset.licence or "not stated"),
        Fact("Source", dataset.reference or "not stated"),
    ]


def _networks(stages: Sequence[Stage]) -> Fact:
    if len(stages) == 1:
        return Fact("Network", _network(stages[0].model))
    return Fact("Networks", "; ".join(f"{stage.name}: {_network(stage.model)}" for stage in stages))


def _network(model: Model | None) -> str:
    if model is None:
        return "not recorded"
    return model.name if model.parameters is None else f"{model.name}, {model.parameters:,} parameters"


def _device(run: RunRecord) -> str:
    device = run.device
    if device is None:
        return "not recorded"
    threads = f", {format_count(device.threads, 'thread')}" if device.threads else ""
    return f"{device.type.upper()}: {device.name}, {device.precision}{threads}"


def _epochs(contents: RunContents) -> str:
    stages = contents.stages
    if len(stages) > 1:
        return ", ".join(_epochs_of_stage(stage) for stage in stages)
    trained, planned = len(contents.history), stages[0].planned_epochs
    return f"{trained:,} trained" if planned is None else f"{trained:,} trained of {planned:,} planned"


def _epochs_of_stage(stage: Stage) -> str:
    planned = "" if stage.planned_epochs is None else f" of {stage.planned_epochs:,}"
    return f"{stage.name} {len(stage.history):,}{planned}"


def _selection_facts(contents: RunContents) -> list[Fact]:
    selection = contents.metrics.selection if contents.metrics else None
    if selection is None:
        return []
    best, last = selection.best_epoch_val_dice, selection.last_epoch_val_dice
    of_stage = f" of {contents.stages[-1].name}" if len(contents.stages) > 1 else ""
    chosen = f"{selection.best_epoch}{of_stage}, validation Dice {format_number(best)}"
    if selection.is_last_by_rule:
        return [Fact("Chosen epoch", f"{chosen} (the last one, whatever its score)")]
    return [
        Fact("Chosen epoch", f"{chosen} ({selection.rule})"),
        Fact("Last epoch", f"{selection.last_epoch}, validation Dice {format_number(last)}"),
    ]
