"""The page of the comparison: a table, a picture, the machine and the versions."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rounds import Part, Results
from settings import Settings

BEGIN, END = "<!-- comparison -->", "<!-- end of comparison -->"
_QUIET_LOAD = 0.5


def write_page(page: Path, parts: Sequence[Part], results: Results, settings: Settings) -> None:
    """Write table and picture between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [*table(parts, results), "", *_circumstances(settings, results)]
    middle = "\n".join(["", *lines, ""])
    page.write_text(f"{before}{BEGIN}{middle}{END}{after}", encoding="utf-8", newline="\n")
    draw(page.parent / "images" / "benchmarks.png", parts, results)


def table(parts: Sequence[Part], results: Results) -> list[str]:
    """Return the table in Markdown: medians, their range, and how many times better segtrail is."""
    lines = ["| what | segtrail | MONAI | ratio | target |", "| --- | --- | --- | --- | --- |"]
    for part in parts:
        cells = [_cell(part, side, results) for side in ("segtrail", "MONAI")]
        target = "" if part.target is None else f"{part.target:g}"
        lines.append(
            f"| {part.title} ({part.unit}) | {' | '.join(cells)} | {_ratio(part, results)} | {target} |"
        )
    return lines


def _cell(part: Part, side: str, results: Results) -> str:
    if side not in part.sides:
        return ""
    measured = results.of(part, side)
    if not measured:
        return "not measured"
    values = results.values(part, side)
    if not values:
        facts = measured[-1].facts
        best = f", Dice {facts['dice']:.3f}" if "dice" in facts else ""
        return f"not reached in {measured[-1].seconds:.0f} s{best}"
    spread = "" if len(values) == 1 else f" ({min(values):.3g} to {max(values):.3g})"
    return f"{statistics.median(values):.3g}{spread}{_facts(measured[-1].facts)}"


def _facts(facts: Mapping[str, Any]) -> str:
    said = ""
    if "dice" in facts:
        said += f", Dice {facts['dice']:.3f}"
    if "waited_share" in facts:
        said += f", {100 * facts['waited_share']:.1f} % waiting"
    if "learning_rate" in facts:
        said += f", learning rate {facts['learning_rate']:g}"
    if "slowest" in facts:
        said += f", `{facts['slowest']}` of {facts['commands']}"
    return said


def _ratio(part: Part, results: Results) -> str:
    ratio = results.ratio(part)
    return "" if ratio is None else f"{ratio:.1f}"


def _circumstances(settings: Settings, results: Results) -> list[str]:
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "monai", "numpy"))
    busy = sum(result.load > _QUIET_LOAD for result in results.all)
    noise = (
        f" {busy} of {len(results.all)} measurements began while the machine did something else."
        if busy
        else ""
    )
    return [
        f"Medians, with least and greatest. {_processor()}, {settings.threads} threads, Python "
        f"{platform.python_version()}, {versions}; {len(settings.train)} hearts to train, {len(settings.val)} to "
        f"validate, {' x '.join(f'{mm:g}' for mm in settings.spacing_mm)} mm, patches of "
        f"{' x '.join(map(str, settings.patch_size))}, {settings.batch_size} a step.{noise}",
    ]


def _processor() -> str:
    from segtrail.compute import processor_name

    return processor_name()


def draw(path: Path, parts: Sequence[Part], results: Results) -> None:
    """Draw how many times faster segtrail is, a bar for each part."""
    from matplotlib.figure import Figure

    known: Mapping[str, float] = {
        part.title: ratio for part in parts if (ratio := results.ratio(part)) is not None
    }
    if not known:
        return
    figure = Figure(figsize=(7, 0.6 + 0.4 * len(known)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(known), list(known.values()), color="#0072B2")
    axes.bar_label(bars, labels=[f"{ratio:.1f}x" for ratio in known.values()], padding=3)
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("times as good as a plain MONAI training: as fast, or with as little memory")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
