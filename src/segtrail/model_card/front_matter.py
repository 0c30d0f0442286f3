"""The front matter of a model card: what programs read of it, in the form that Hugging Face gave it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from segtrail.errors import InputError
from segtrail.report.record_schema import ClassSummary, MetricsSummary
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import SIDE_NAMES

_FENCE = "---"
_TASK = "image-segmentation"
_TAGS = ("medical-imaging", _TASK, "3d", "research-use-only")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{1,40}")


@dataclass(frozen=True)
class Maker:
    """The program that made a card.

    Attributes:
        version: Its version.
        program_sha256: SHA-256 of its sources, since two working copies may carry the same version.
    """

    version: str
    program_sha256: str


def front_matter(contents: RunContents, maker: Maker, answers: Mapping[str, str]) -> str:
    """Write the front matter of a card, its fences included.

    Args:
        contents: The run.
        maker: The program that makes the card.
        answers: What a person wrote.

    Returns:
        YAML between two lines of dashes.
    """
    content = {
        "license": "other",
        "license_name": _licence_name(answers.get("licence")),
        "library_name": "segtrail",
        "pipeline_tag": _TASK,
        "tags": list(_TAGS),
        "model-index": [{"name": contents.run.run_id, "results": list(_results(contents))}],
        "segtrail": {
            "schema_version": 1,
            "version": maker.version,
            "program_sha256": maker.program_sha256,
        },
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return f"{_FENCE}\n{text}{_FENCE}\n"


def read_front_matter(card: str) -> dict[str, Any]:
    """Read the front matter of a card.

    Raises:
        InputError: It has none, or a damaged one.
    """
    _, begin, rest = card.partition(f"{_FENCE}\n")
    text, end, _ = rest.partition(f"\n{_FENCE}\n")
    try:
        content = yaml.safe_load(text) if begin and end else None
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict):
        raise InputError("the model card has no front matter that can be read")
    return content


def maker_of(card: str) -> Maker:
    """Return the program that made a card.

    Raises:
        InputError: The card does not say, or is of another schema version.
    """
    told = read_front_matter(card).get("segtrail")
    if not isinstance(told, dict) or told.get("schema_version") != 1:
        raise InputError(
            "the model card does not say which segtrail made it, or is of another schema version"
        )
    return Maker(str(told.get("version")), str(told.get("program_sha256")))


def faults_of_figures(card: str, contents: RunContents) -> Iterator[str]:
    """Compare the figures in the front matter of a card with the metrics of the run.

    Raises:
        InputError: The front matter can't be read.
    """
    known = {_key(result): result["metrics"] for result in _results(contents)}
    try:
        told = {
            _key(result): result["metrics"] for result in read_front_matter(card)["model-index"][0]["results"]
        }
    except (LookupError, TypeError):
        raise InputError("the front matter of the model card has no figures that can be read") from None
    for key in known.keys() ^ told.keys():
        yield f"the model card and metrics_summary.json don't both have figures of {key}"
    for key in known.keys() & told.keys():
        values = {metric["type"]: metric["value"] for metric in known[key]}
        for metric in told[key]:
            known_value = values.get(metric["type"])
            if metric["value"] != known_value:
                yield (
                    f"the model card gives {metric['value']} for {metric['type']} of {key}, metrics_summary.json "
                    f"{known_value}"
                )


def _key(result: Mapping[str, Any]) -> str:
    dataset = result["dataset"]
    return f"{dataset['config']} on {dataset['split']} cases"


def _results(contents: RunContents) -> Iterator[dict[str, Any]]:
    """Give an entry for each side and class, test cases first."""
    metrics = contents.metrics
    if metrics is None:
        return
    name = contents.dataset.name if contents.dataset else "not recorded"
    for side in ("test", "val"):
        for class_name, summary in metrics.splits.get(side, {}).items():
            yield {
                "task": {"type": _TASK, "name": "3D segmentation"},
                "dataset": {
                    "name": name,
                    "type": _slug(name),
                    "config": class_name,
                    "split": SIDE_NAMES[side],
                    "args": {"n": summary.n, "n_failed": summary.n_failed},
                },
                "metrics": list(_figures(summary, metrics)),
            }


def _figures(summary: ClassSummary, metrics: MetricsSummary) -> Iterator[dict[str, Any]]:
    """Give the mean of each metric that can be better or worse, with its interval."""
    for column, values in summary.metrics.items():
        definition = metrics.definitions.get(column)
        if definition is None or definition.better is None or values.mean is None:
            continue
        unit = f" ({definition.unit})" if definition.unit else ""
        figure: dict[str, Any] = {
            "type": column,
            "value": values.mean,
            "name": f"{definition.name}{unit}, mean",
        }
        if values.interval is not None:
            figure["args"] = {"interval": list(values.interval), "indicative": values.indicative}
        yield figure


def _licence_name(answer: str | None) -> str:
    """Name a licence as the form asks for it: by an identifier, or by where it stands."""
    if answer is None:
        return "not-chosen"
    return answer.lower() if _IDENTIFIER.fullmatch(answer) else "see-the-card"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "dataset"
