"""What the run was made with: its metrics defined, and its circumstances."""

import re
from collections.abc import Callable, Collection, Sequence
from statistics import median

from segtrail.provenance.wording import describe_repository
from segtrail.report.parts import Fact, Facts, Heading, Paragraph, Part
from segtrail.report.record_schema import Definition, EpochRow, MetricsSummary, Provenance, Resumption
from segtrail.report.run_contents import RunContents, Stage
from segtrail.report.wording import as_sentence, format_count, format_duration, format_time, join_words

# A sentence of so many definitions stands once.
_SAID_ONCE_FROM = 3

_NAMES = {
    "python": "Python",
    "torch": "PyTorch",
    "monai": "MONAI",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "nibabel": "NiBabel",
    "os": "System",
    "machine": "Machine",
    "checks": "checks",
    "preprocess": "preprocessing",
    "train": "training",
    "evaluate": "evaluation",
}


def definitions_section(metrics: MetricsSummary | None) -> list[Part]:
    """Build the list of metrics with what each means.

    Args:
        metrics: metrics_summary.json.

    Returns:
        A definition for each metric, or a sentence where there is none.
    """
    heading = Heading("What the metrics mean", level=2)
    if metrics is None or not metrics.definitions:
        return [
            heading,
            Paragraph("No metrics were computed in this run, so none are defined here.", style="missing"),
        ]
    definitions = metrics.definitions.values()
    common = _common_sentences(definitions)
    facts = [
        Fact(
            f"{item.name} ({item.unit})" if item.unit else item.name,
            " ".join(sentence for sentence in _sentences(item) if sentence not in common),
        )
        for item in definitions
    ]
    of_several = [
        Fact("All of them" if len(names) == len(definitions) else join_words(names), sentence)
        for sentence, names in common.items()
    ]
    intro = "All metrics are of full volumes on the image's own grid, never of patches."
    return [heading, Paragraph(intro), Facts([*facts, *of_several])]


def _common_sentences(definitions: Collection[Definition]) -> dict[str, list[str]]:
    """What several definitions say in the same words is said once: each such sentence with its metrics."""
    metrics_of: dict[str, list[str]] = {}
    for item in definitions:
        for sentence in dict.fromkeys(_sentences(item)):
            metrics_of.setdefault(sentence, []).append(item.name)
    common = {sentence: names for sentence, names in metrics_of.items() if len(names) >= _SAID_ONCE_FROM}
    # A metric whose definition is nothing else keeps it.
    kept = {
        sentences[0]
        for item in definitions
        if (sentences := _sentences(item)) and set(sentences) <= set(common)
    }
    return {sentence: names for sentence, names in common.items() if sentence not in kept}


def _sentences(item: Definition) -> list[str]:
    return re.split(r"(?<=[.!?]) (?=[A-Z0-9])", as_sentence(item.definition))


def provenance_section(contents: RunContents) -> list[Part]:
    """Build the section about code, software, machine, times and hashes.

    Args:
        contents: The run.

    Returns:
        Facts.
    """
    run = contents.run
    facts = [Fact("Operator", run.operator)] if run.operator else []
    facts += [Fact("Note", run.note)] if run.note else []
    made = Facts([*facts, *describe_circumstances(contents).rows])
    return [Heading("Provenance"), Heading("How the run was made", level=2), made]


def describe_circumstances(contents: RunContents) -> Facts:
    """Say how the run was made: code, software, machine, times and hashes.

    Args:
        contents: The run.

    Returns:
        Facts.
    """
    run = contents.run
    facts = [Fact("Run", run.run_id, code=True)]
    facts += [Fact("Fingerprint", contents.fingerprint, code=True)] if contents.fingerprint else []
    facts += [Fact("Start command", run.start_command, code=True)] if run.start_command else []
    facts.append(Fact("Started", format_time(run.created_utc)))
    if run.ended_utc:
        facts.append(
            Fact(
                "Ended", format_time(run.ended_utc) + (f" ({run.ended_because})" if run.ended_because else "")
            )
        )
    facts += [Fact("Gone on with", as_sentence(describe_resumption(entry))) for entry in run.resumed]
    facts.append(Fact("segtrail", run.segtrail_version))
    facts += _origin(contents.provenance)
    facts += [Fact(_NAMES.get(name, name), str(version)) for name, version in run.environment.items()]
    if run.device and run.device.deterministic is not None:
        text = (
            "on, so that the same run on the same machine should give the same bits; “segtrail reproduce” tests it"
            if run.device.deterministic
            else "off"
        )
        facts.append(Fact("Deterministic algorithms", text))
    facts += _network_sources(contents.stages)
    facts += [
        Fact(f"SHA-256 of {name}", digest, code=True) if digest else Fact(f"SHA-256 of {name}", "not known")
        for name, digest in run.own_code.items()
    ]
    # The time of the report itself is left out: it is known only after the report is made.
    stages = {stage: seconds for stage, seconds in run.seconds.items() if stage != "report"}
    if stages:
        times = ", ".join(
            f"{_NAMES.get(stage, stage)} {format_duration(seconds)}" for stage, seconds in stages.items()
        )
        facts.append(Fact("Time", times))
    return Facts([*facts, *_training_cost(contents)])


def describe_resumption(entry: Resumption) -> str:
    """Say from where a run was gone on with, and what was not as before."""
    where = (
        "from the beginning"
        if entry.stage is None
        else f"in {entry.stage}, after epoch {entry.epoch}"
        + (f" and {format_count(entry.steps, 'step')}" if entry.steps else "")
    )
    changed = "; ".join(f"{one.what} was {one.before}, then {one.now}" for one in entry.differences)
    as_before = "under the conditions that it began with" if not changed else f"under others: {changed}"
    return f"{format_time(entry.resumed_utc)}, {where}, {as_before}"


def _network_sources(stages: Sequence[Stage]) -> list[Fact]:
    sources = {stage.name: stage.model.source_sha256 for stage in stages if stage.model}
    several = len(stages) > 1
    return [
        Fact(
            f"SHA-256 of the source of {name}" if several else "SHA-256 of the network's source",
            digest,
            code=True,
        )
        for name, digest in sources.items()
        if digest
    ]


def _origin(provenance: Provenance | None) -> list[Fact]:
    """Say which commits the program and the working folder were of, and what is not on record."""
    if provenance is None:
        return []
    program, working = provenance.program_repository, provenance.working_repository
    source = "an installed package" if program is None else describe_repository(program.model_dump())
    facts = [Fact("Program", as_sentence(source))]
    if working is not None and working != program:
        facts.append(Fact("Working folder", as_sentence(describe_repository(working.model_dump()))))
    return [*facts, *(Fact("Not on record", gap) for gap in provenance.gaps)]


def _training_cost(contents: RunContents) -> list[Fact]:
    """Speed and memory of the training, over the epochs of each stage."""
    facts = _training_times(contents)
    seconds = _of_stages(contents.stages, "seconds", lambda values: format_duration(median(values)))
    if seconds:
        facts.append(Fact("One epoch", f"{seconds} (median)"))
    speeds = _of_stages(contents.stages, "patches_per_second", lambda values: f"{median(values):.3g}")
    if speeds:
        facts.append(Fact("Training speed", f"{speeds} patches per second (median)"))
    memory = _values(contents.history, "peak_memory_mb")
    if memory:
        facts.append(Fact("Peak memory", f"{max(memory):,.0f} MB"))
    if contents.run.energy and contents.run.energy.kwh is not None:
        facts.append(Fact("Energy", f"{contents.run.energy.kwh:.2g} kWh, an estimate"))
    return facts


def _training_times(contents: RunContents) -> list[Fact]:
    """What each stage took, where there are several."""
    if len(contents.stages) < 2:
        return []
    histories = {stage.name: stage.history for stage in contents.stages}
    if contents.helpers:
        first, *others = histories.items()
        helping = [row for history in contents.helpers.values() for row in history]
        histories = dict([first, (", ".join(contents.helpers), helping), *others])
    times = [
        f"{name} {format_duration(sum(seconds))}"
        for name, history in histories.items()
        if (seconds := _values(history, "seconds"))
    ]
    return [Fact("Epochs of the stages", "; ".join(times))] if times else []


def _of_stages(stages: Sequence[Stage], column: str, describe: Callable[[Sequence[float]], str]) -> str:
    """Describe a column of history.csv, for each stage by its name where there are several."""
    values = {stage.name: _values(stage.history, column) for stage in stages}
    several = len(stages) > 1
    return ", ".join(
        f"{name} {describe(found)}" if several else describe(found) for name, found in values.items() if found
    )


def _values(history: Sequence[EpochRow], column: str) -> list[float]:
    values = [getattr(row, column) for row in history]
    return [float(value) for value in values if value is not None]
