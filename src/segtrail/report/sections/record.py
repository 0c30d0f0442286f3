"""What the run was made with: its metrics defined, its circumstances, and every configuration value."""

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from segtrail.report.parts import Column, Fact, Facts, Heading, Paragraph, Part, Row, Table
from segtrail.report.record_schema import EpochRow, MetricsSummary
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import as_sentence, format_duration, format_time

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
    heading = Heading("What the metrics mean")
    if metrics is None or not metrics.definitions:
        return [
            heading,
            Paragraph("No metrics were computed in this run, so none are defined here.", style="missing"),
        ]
    facts = [
        Fact(f"{item.name} ({item.unit})" if item.unit else item.name, as_sentence(item.definition))
        for item in metrics.definitions.values()
    ]
    intro = "All metrics are of full volumes on the image's own grid, never of patches."
    return [heading, Paragraph(intro), Facts(facts)]


def circumstances_section(contents: RunContents) -> list[Part]:
    """Build the list of software, machine and times.

    Args:
        contents: The run.

    Returns:
        Facts.
    """
    run = contents.run
    facts = [Fact("Run", run.run_id, code=True)]
    facts += [Fact("Start command", run.start_command, code=True)] if run.start_command else []
    facts.append(Fact("Started", format_time(run.created_utc)))
    if run.ended_utc:
        facts.append(
            Fact(
                "Ended", format_time(run.ended_utc) + (f" ({run.ended_because})" if run.ended_because else "")
            )
        )
    facts.append(Fact("segtrail", run.segtrail_version))
    facts += [Fact(_NAMES.get(name, name), str(version)) for name, version in run.environment.items()]
    if run.device and run.device.deterministic is not None:
        text = (
            "on: the same run on the same machine gives the same bits" if run.device.deterministic else "off"
        )
        facts.append(Fact("Deterministic algorithms", text))
    if run.model and run.model.source_sha256:
        facts.append(Fact("SHA-256 of the network's source", run.model.source_sha256, code=True))
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
    return [Heading("How the run was made"), Facts([*facts, *_training_cost(contents.history)])]


def _training_cost(history: Sequence[EpochRow]) -> list[Fact]:
    """Speed and memory of the training, over its epochs."""
    facts = []
    seconds = [row.seconds for row in history if row.seconds is not None]
    if seconds:
        facts.append(Fact("One epoch", f"{format_duration(median(seconds))} (median)"))
    speeds = [row.patches_per_second for row in history if row.patches_per_second is not None]
    if speeds:
        facts.append(Fact("Training speed", f"{median(speeds):.3g} patches per second (median)"))
    memory = [row.peak_memory_mb for row in history if row.peak_memory_mb is not None]
    if memory:
        facts.append(Fact("Peak memory", f"{max(memory):,.0f} MB"))
    return facts


def configuration_section(config: Mapping[str, Any] | None) -> list[Part]:
    """Build the table of every configuration value.

    Args:
        config: config_resolved.yaml.

    Returns:
        The table, or a sentence where there is no configuration.
    """
    if not config:
        text = "The configuration is not recorded: config_resolved.yaml is missing or empty."
        return [Heading("Configuration"), Paragraph(text, style="missing")]
    rows = [Row([key, value]) for key, value in flatten(config)]
    columns = [Column("Key", 1.1, code=True), Column("Value", 1, code=True)]
    caption = "Every value of config_resolved.yaml, defaults and overrides included."
    return [Heading("Configuration"), Table(columns, rows, caption, side_by_side=True)]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Walk a nested mapping as dotted keys with their values as text.

    Args:
        values: The mapping.
        prefix: What stands before each key.

    Yields:
        Key and value; an empty mapping is a value.
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            text = (
                value
                if isinstance(value, str) and value
                else json.dumps(value, ensure_ascii=False, default=str)
            )
            yield f"{prefix}{key}", text
