"""The page of the comparison: a table, a picture, the machine and the versions."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rounds import Part, Result, Results
from settings import Settings

BEGIN, END = "<!-- comparison -->", "<!-- end of comparison -->"
_QUIET_LOAD = 0.5


def write_page(page: Path, parts: Sequence[Part], results: Results, settings: Settings) -> None:
    """Write table and picture between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    beside_monai = [part for part in parts if "nnU-Net" not in part.sides]
    beside_nnunet = [part for part in parts if "nnU-Net" in part.sides]
    tables = [*table(beside_monai, results), "", *table_of_equal_time(beside_nnunet, results)]
    lines = [*tables, "", *_circumstances(settings, results)]
    middle = "\n".join(["", *lines, ""])
    page.write_text(f"{before}{BEGIN}{middle}{END}{after}", encoding="utf-8", newline="\n")
    draw(page.parent / "images" / "benchmarks.png", beside_monai, results)


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


def table_of_equal_time(parts: Sequence[Part], results: Results) -> list[str]:
    """Return the table in Markdown of what both sides reach in the same time."""
    lines = [
        "| after equal training time | segtrail: Dice | time (s) | nnU-Net: Dice | time (s) | steps |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for part in parts:
        own, peer = (results.of(part, side) for side in part.sides)
        cells = [*_dice_and_seconds(own), *_dice_and_seconds(peer), _steps(peer)]
        lines.append(f"| {part.title} | {' | '.join(cells)} |")
    return lines


def _dice_and_seconds(measured: Sequence[Result]) -> tuple[str, str]:
    if not measured:
        return "not measured", ""
    last = measured[-1]
    if last.value is None:
        return f"not run: {last.facts['reason']}", ""
    return f"{last.value:.3f}", f"{last.facts['training_seconds']:.0f}"


def _steps(measured: Sequence[Result]) -> str:
    if not measured or measured[-1].value is None:
        return ""
    facts = measured[-1].facts
    patch = " x ".join(map(str, facts["patch_size"]))
    return f"{facts['steps']} of {facts['batch_size']} patches of {patch}"


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
    """Draw how many times better segtrail is, a bar for each part; time above, memory below."""
    from matplotlib.figure import Figure

    ratios = {part.name: ratio for part in parts if (ratio := results.ratio(part)) is not None}
    panels = {
        "times as fast as a plain MONAI training": [
            part for part in parts if part.name in ratios and part.unit != "MiB"
        ],
        "times as little memory": [part for part in parts if part.name in ratios and part.unit == "MiB"],
    }
    shown = {label: chosen for label, chosen in panels.items() if chosen}
    if not shown:
        return
    heights = [len(chosen) for chosen in shown.values()]
    figure = Figure(figsize=(7, 0.8 * len(shown) + 0.4 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(shown), squeeze=False, height_ratios=heights)[:, 0]
    for panel, (label, chosen) in zip(axes, shown.items(), strict=True):
        bars = panel.barh(
            [part.title for part in chosen], [ratios[part.name] for part in chosen], color="#0072B2"
        )
        panel.bar_label(bars, labels=[f"{ratios[part.name]:.1f}x" for part in chosen], padding=3)
        panel.axvline(1, color="#222222", linewidth=0.8)
        panel.margins(x=0.12)
        panel.invert_yaxis()
        panel.set_xlabel(label)
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
