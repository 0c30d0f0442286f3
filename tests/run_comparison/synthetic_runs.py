"""Runs with results of a test's own, made from the small files of a finished run."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.metrics import ClassMetrics
from segtrail.evaluation.records import write_case_table

DIAGONAL_MM = 40.0
Results = Mapping[str, Mapping[str, float | None]]


def make_run(
    source: Path, folder: Path, number: int, results: Results, *, side: str = "val", **changes: Any
) -> Path:
    """Make a run with a Dice for each case and class; None where the class is in neither mask.

    Args:
        source: A finished run, which is read alone.
        folder: Where the run comes to.
        number: The last digits of its ID.
        results: Dice by case and class.
        side: The side of the cases.
        changes: ``images`` and ``labels``: other contents than the name, by case; ``settings``: text to replace in the
            configuration; ``state``: entries of run.json.
    """
    run = folder / f"run_20261127_{number:06d}"
    run.mkdir(parents=True)
    for name in ("metrics_summary.json", "history.csv", "config_resolved.yaml"):
        shutil.copyfile(source / name, run / name)
    shutil.copytree(source / "provenance", run / "provenance")
    for path in [run, *run.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for before, after in changes.get("settings", {}).items():
        text = (run / "config_resolved.yaml").read_text(encoding="utf-8")
        assert before in text
        (run / "config_resolved.yaml").write_text(text.replace(before, after), encoding="utf-8")
    state = json.loads((source / "run.json").read_text(encoding="utf-8"))
    state |= {"run_id": run.name, **changes.get("state", {})}
    (run / "run.json").write_text(json.dumps(state), encoding="utf-8")
    write_results(run, results, side)
    classes = list(dict.fromkeys(name for of_case in results.values() for name in of_case))
    write_dataset(run, source, dict.fromkeys(results, side), classes, changes)
    return run


def write_results(run: Path, results: Results, side: str = "val") -> None:
    """Write ``metrics_cases.csv``."""
    rows = [
        ClassResult(case, side, name, metrics_of(dice))
        for case, of_case in results.items()
        for name, dice in of_case.items()
    ]
    write_case_table(run / "metrics_cases.csv", rows)


def metrics_of(dice: float | None) -> ClassMetrics:
    """Make metrics that go with a Dice: a class that was missed has 0 and the diagonal."""
    if dice is None:
        nothing = float("nan")
        return ClassMetrics(nothing, {1.0: nothing, 2.0: nothing}, *[nothing] * 6, "left_out")
    hd95 = DIAGONAL_MM if dice == 0 else 10 * (1 - dice)
    predicted = 10.0 * dice
    volumes = (10.0, predicted, predicted - 10.0, 10 * (predicted - 10.0))
    status = "missed" if dice == 0 else "ok"
    return ClassMetrics(dice, {1.0: dice, 2.0: dice}, hd95, hd95 / 2, *volumes, status)


def write_dataset(
    run: Path, source: Path, sides: Mapping[str, str], classes: list[str], changes: Mapping[str, Any]
) -> None:
    """Write ``dataset_summary.json`` with a hash of the name for each file, unless a test gives it other contents."""
    summary = json.loads((source / "dataset_summary.json").read_text(encoding="utf-8"))
    trained = [entry for entry in summary["cases"] if entry["side"] == "train"]
    like = summary["cases"][0]
    cases = [
        {
            **like,
            "case": case,
            "side": side,
            "image": _file(like["image"], "image", changes.get("images", {}).get(case, case)),
            "label": _file(like["label"], "label", changes.get("labels", {}).get(case, case)),
        }
        for case, side in sides.items()
    ]
    labels = {"0": "background", **{str(value): name for value, name in enumerate(classes, start=1)}}
    summary |= {"cases": [*trained, *cases], "labels": labels}
    (run / "dataset_summary.json").write_text(json.dumps(summary), encoding="utf-8")


def as_recorded(run: Path, program: str = "nnU-Net 2.6") -> Path:
    """Turn a run into the record of another program's training, its references named by the hashes of their files."""
    summary = json.loads((run / "dataset_summary.json").read_text(encoding="utf-8"))
    references = {case["case"]: case["label"]["sha256_file"] for case in summary["cases"]}
    measured = [
        {
            "case": case,
            "prediction": f"predictions/{case}.nii.gz",
            "reference": f"labelsTr/{case}.nii.gz",
            "reference_sha256": sha256,
        }
        for case, sha256 in references.items()
    ]
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    state["recorded"] = {"command": ["train"], "program": program, "exit_code": 0, "measured": measured}
    (run / "run.json").write_text(json.dumps(state), encoding="utf-8")
    for name in ("dataset_summary.json", "config_resolved.yaml", "history.csv"):
        (run / name).unlink()
    return run


def _file(like: Mapping[str, Any], kind: str, content: str) -> dict[str, Any]:
    def sha256(what: str) -> str:
        return hashlib.sha256(f"{what} {kind} {content}".encode()).hexdigest()

    return {**like, "sha256_voxels": sha256("voxels of"), "sha256_file": sha256("file of")}
