"""Small run folders as training leaves them, made without training."""

import csv
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_reports import make_report
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segtrail.evaluation.records import SELECTION_RULES

METRICS = ("dice", "nsd_2mm", "hd95_mm", "volume_error_ml")
RUN_ID = "run_20261123_231500"
_DEFINITIONS = {
    "dice": {"name": "Dice", "definition": "Overlap of both masks.", "unit": "", "better": "higher"},
    "nsd_2mm": {"name": "NSD at 2 mm", "definition": "Share of the surface.", "unit": "", "better": "higher"},
    "hd95_mm": {
        "name": "HD95",
        "definition": "95th percentile of distances.",
        "unit": "mm",
        "better": "lower",
    },
    "volume_error_ml": {"name": "Volume error", "definition": "Difference.", "unit": "mL", "better": "zero"},
}


class RunFolder:
    """A synthetic run folder whose files can be changed, removed or damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "examples").mkdir(parents=True)

    def write_json(self, name: str, /, content: dict[str, Any]) -> None:
        self.path.joinpath(name).write_text(json.dumps({"schema_version": 1, **content}), encoding="utf-8")

    def change_json(self, name: str, /, **changes: Any) -> None:
        self.write_json(name, {**json.loads(self.path.joinpath(name).read_text(encoding="utf-8")), **changes})

    def write_csv(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        with self.path.joinpath(name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, [*rows[0], "schema_version"], lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, "schema_version": 1} for row in rows)

    def write_run(self, **changes: Any) -> None:
        content = {
            "run_id": RUN_ID,
            "status": "finished",
            "created_utc": "2026-11-23T23:15:00Z",
            "ended_utc": "2026-11-23T23:20:11Z",
            "ended_because": "all 6 epochs were trained",
            "segtrail_version": "0.1.0",
            "start_command": "segtrail train configs/quick.yaml",
            "project": "baseline_3d_unet_heart",
            "operator": None,
            "note": "",
            "device": {
                "type": "cpu",
                "name": "Test CPU",
                "precision": "fp32",
                "threads": 2,
                "deterministic": True,
            },
            "environment": {"python": "3.11.7", "torch": "2.13.0"},
            "model": {"name": "fast", "parameters": 1034567, "source_sha256": None},
            "seconds": {"train": 250.1, "report": 2.0},
        }
        self.write_json("run.json", {**content, **changes})

    def write_history(self, n_epochs: int = 6) -> None:
        self.write_csv(
            "history.csv",
            [
                {
                    "epoch": epoch,
                    "train_loss": 1.0 / epoch,
                    "train_loss_dice": 0.7 / epoch,
                    "train_loss_cross_entropy": 0.3 / epoch,
                    "val_dice": "" if epoch % 2 else 1 - 1 / epoch,
                    "learning_rate": 0.01 / epoch,
                    "seconds": 12.1,
                    "patches_per_second": 8.2,
                    "peak_memory_mb": 1500.5,
                }
                for epoch in range(1, n_epochs + 1)
            ],
        )

    def write_stages(self) -> None:
        """Turn the run into one of two stages, whose last epoch counts."""
        models = {"coarse": 101234, "fine": 202345}
        self.change_json(
            "run.json",
            stages=[
                {"stage": name, "name": "fast", "parameters": parameters, "source_sha256": None}
                for name, parameters in models.items()
            ],
        )
        epochs = {"coarse": 3, "coarse_fold1": 3, "coarse_fold2": 3, "fine": 6}
        self.write_csv(
            "history.csv",
            [
                {
                    "stage": stage,
                    "epoch": epoch,
                    "train_loss": 1.0 / epoch,
                    "val_dice": "" if "fold" in stage or epoch % 3 else 1 - 1 / epoch,
                    "learning_rate": 0.01 / epoch,
                    "seconds": 4.0 if stage == "fine" else 1.5,
                    "patches_per_second": 2.0 if stage == "fine" else 8.0,
                    "peak_memory_mb": 900.0,
                }
                for stage, n in epochs.items()
                for epoch in range(1, n + 1)
            ],
        )
        stages = {
            "coarse": {
                "preprocess": {"spacing": [4.0, 4.0, 4.0]},
                "train": {"max_epochs": 3, "keep": "last"},
            },
            "fine": {"preprocess": {"spacing": [1.25, 1.25, 2]}, "train": {"max_epochs": 8, "keep": "last"}},
        }
        self.write_config(train={"precision": "auto"}, stages=stages)
        self.change_json(
            "metrics_summary.json",
            selection={
                "best_epoch": 6,
                "rule": SELECTION_RULES["last"],
                "best_epoch_val_dice": 0.743,
                "last_epoch": 6,
                "last_epoch_val_dice": 0.743,
                "caution": "",
            },
        )

    def write_regions(self, *cases: dict[str, Any]) -> None:
        usual = {
            "network": "coarse_fold1",
            "windows": [[0, 0, 0]],
            "found_volume_ml": 80.0,
            "confidence": 0.9,
            "guard": [],
            "centre_offset_mm": [3.0, 4.0, 0.0],
            "covered_percent": 100.0,
            "least_room_mm": 12.5,
        }
        content = {
            "finder": "coarse",
            "stage": "fine",
            "region_voxels": [96, 112, 64],
            "region_mm": [120.0, 140.0, 128.0],
            "shift_mm": 10.0,
            "anywhere_fraction": 0.1,
        }
        self.write_json("regions.json", {**content, "cases": [{**usual, **case} for case in cases]})

    def write_inference(self, **notes: Sequence[dict[str, str]]) -> None:
        cases = [
            {"case": case, "mode": "regions", "regions": [], "guard": guard} for case, guard in notes.items()
        ]
        self.write_json("inference.json", {"cases": cases})

    def write_config(self, **sections: Any) -> None:
        values = {
            "train": {"max_epochs": 6, "precision": "auto"},
            "patch": {"patch_size": [96, 96, 96]},
            **sections,
        }
        self.path.joinpath("config_resolved.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def write_dataset(self, cases: Sequence[tuple[str, str]], classes: Sequence[str], **changes: Any) -> None:
        ranges = {"min": [2.5] * 3, "median": [2.5] * 3, "max": [2.5] * 3}
        volume = {"min": 60.0, "median": 80.0, "max": 120.0, "mean": 85.0}
        sides = {"all": len(cases)} | {side: sum(s == side for _, s in cases) for _, side in cases}
        content = {
            "name": "LeftAtriumMini",
            "description": "Left atria",
            "licence": "CC-BY-SA 4.0",
            "reference": "King’s College London",
            "release": "1.0",
            "modality": {"0": "MRI"},
            "labels": {"0": "background"} | {str(k + 1): name for k, name in enumerate(classes)},
            "dataset_json_sha256": "a" * 64,
            "fingerprint": "b" * 64,
            "cases": [
                {
                    "case": case,
                    "side": side,
                    "group": None,
                    "image": {
                        "spacing_mm": [2.5, 2.5, 2.5 + number % 2],
                        "intensity_percentiles": [{"5": 10.0, "50": 100.0 + number, "95": 900.0}],
                    },
                    "label": {"volumes_ml": dict.fromkeys(classes, 60.0 + number)},
                }
                for number, (case, side) in enumerate(cases)
            ],
            "aggregates": {
                side: {
                    "n_cases": n,
                    "spacing_mm": ranges,
                    "shape": ranges,
                    "volume_ml": dict.fromkeys(classes, volume),
                }
                for side, n in sides.items()
            },
            "split": {"method": "named", "seed": 0, "val_frac": None, "hash": "c" * 64},
            "checks": [
                {
                    "id": "duplicate-images",
                    "title": "No image stands under two names",
                    "severity": "warning",
                    "status": "failed",
                    "findings": [{"case": "la_005", "evidence": "la_005 and la_026 hold the same voxels"}],
                    "remedy": "Keep one of them.",
                }
            ],
        }
        self.write_json("dataset_summary.json", {**content, **changes})

    def write_metrics(self, cases: Sequence[tuple[str, str]], classes: Sequence[str], **changes: Any) -> None:
        statistics = {"mean": 0.8456, "sd": 0.02, "median": 0.85, "min": 0.81, "max": 0.88}
        sides = {side: sum(s == side for _, s in cases) for _, side in cases if side in ("val", "test")}
        content = {
            "run_id": RUN_ID,
            "checkpoint": "checkpoints/best.pt",
            "selection": {
                "best_epoch": 4,
                "rule": "highest val_dice, the earliest epoch on a tie",
                "best_epoch_val_dice": 0.75,
                "last_epoch": 6,
                "last_epoch_val_dice": 0.743,
                "caution": "A score used for choosing is optimistic.",
            },
            "bootstrap": {
                "samples": 2000,
                "confidence": 0.95,
                "seed": 0,
                "method": "percentile bootstrap over cases",
            },
            "definitions": _DEFINITIONS,
            "splits": {
                side: {
                    name: {
                        "n": n,
                        "n_failed": 0,
                        "n_left_out": 0,
                        "metrics": {
                            key: {**statistics, "interval": [0.821, 0.869], "indicative": n < 10}
                            for key in METRICS
                        },
                    }
                    for name in classes
                }
                for side, n in sides.items()
            },
        }
        self.write_json("metrics_summary.json", {**content, **changes})

    def write_cases(self, cases: Sequence[tuple[str, str]], classes: Sequence[str], failed: str = "") -> None:
        self.write_csv(
            "metrics_cases.csv",
            [
                {
                    "case": case,
                    "split": side,
                    "class": name,
                    **dict(zip(METRICS, (0.845678, 0.5, 4.25, -1.234), strict=True)),
                    "status": "missed" if case == failed else "ok",
                }
                for case, side in cases
                if side in ("val", "test")
                for name in classes
            ],
        )

    def write_calibration(self, cases: Sequence[tuple[str, str]], classes: Sequence[str]) -> None:
        measured = [(case, side, name) for case, side in cases for name in classes if side != "train"]
        bins = [
            {
                "from": place / 10,
                "to": (place + 1) / 10,
                "voxels": 0 if place == 4 else 10 ** (5 - min(place, 9 - place)),
                "mean_probability": None if place == 4 else place / 10 + 0.05,
                "share_of_class": None if place == 4 else place / 10,
            }
            for place in range(10)
        ]
        figures = {"voxels": 1000, "error": 0.05, "bias": 0.05}
        pools = dict.fromkeys((side, name) for _, side, name in measured)
        content = {
            "definition": "How it is made.",
            "margin_mm": 10.0,
            "cases": [
                {"case": case, "split": side, "class": name, **figures} for case, side, name in measured
            ],
            "pooled": [
                {"split": side, "class": name, "cases": len(cases), **figures, "bins": bins}
                for side, name in pools
            ],
        }
        self.write_json("calibration.json", content)

    def write_examples(self, *ranked: tuple[str, str]) -> None:
        examples = []
        for rank, case in ranked:
            file = f"{rank}_{case}.png"
            self.write_picture(file)
            words = {
                "alt": f"Three planes of {case}.",
                "caption": f"{case} (validation): left atrium Dice 0.846.",
            }
            examples.append({"rank": rank, "case": case, "class_mean_dice": 0.8, "file": file, **words})
        self.write_json("examples/examples.json", {"examples": examples})

    def write_picture(self, file: str) -> None:
        figure = Figure(figsize=(2, 1), dpi=40)
        FigureCanvasAgg(figure)
        figure.savefig(self.path / "examples" / file)

    def write_surfaces(self) -> None:
        """Give every case that has a picture one of its surfaces too."""
        content = json.loads((self.path / "examples/examples.json").read_text(encoding="utf-8"))
        for example in content["examples"]:
            file = f"surface_{example['case']}.png"
            self.write_picture(file)
            words = {
                "alt": f"Surfaces of {example['case']}.",
                "caption": f"{example['case']}, surfaces: far.",
            }
            example["surface"] = {"file": file, **words}
        self.change_json("examples/examples.json", examples=content["examples"])


def _make_run(
    folder: Path, n_train: int = 8, n_val: int = 4, n_test: int = 0, classes: Sequence[str] = ("left atrium",)
) -> RunFolder:
    sides = ["train"] * n_train + ["val"] * n_val + ["test"] * n_test
    cases = [(f"la_{number:03d}", side) for number, side in enumerate(sides)]
    evaluated = [case for case, side in cases if side != "train"]
    run = RunFolder(folder / RUN_ID)
    run.write_run()
    run.write_history()
    run.write_config()
    run.write_dataset(cases, classes)
    run.write_metrics(cases, classes)
    run.write_cases(cases, classes)
    run.write_calibration(cases, classes)
    run.write_examples(("best", evaluated[0]), ("median", evaluated[1]), ("worst", evaluated[2]))
    return run


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """Make a finished run with four validation cases of one class, or as asked."""
    return partial(_make_run, tmp_path)


@pytest.fixture(scope="session")
def plain_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PDF of a finished run with four validation cases of one class, which tests may read and must not change."""
    return make_report(_make_run(tmp_path_factory.mktemp("plain")).path)
