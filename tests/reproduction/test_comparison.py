"""Two runs are compared row by row, and the verdict tells the same bits from no difference shown."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from segtrail.reproduction.comparison import compare_runs

EPOCHS = [
    {"stage": "main", "epoch": 1, "train_loss": 0.9, "val_dice": 0.5, "seconds": 3.0},
    {"stage": "main", "epoch": 2, "train_loss": 0.7, "val_dice": "", "seconds": 3.1},
]


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_run(
    folder: Path,
    dice: Sequence[float],
    epochs: Sequence[Mapping[str, object]] = EPOCHS,
    tensors: str = "a",
    label: bytes = b"map",
) -> Path:
    """Write the files of a run that are compared."""
    (folder / "predictions").mkdir(parents=True)
    write_table(folder / "history.csv", epochs)
    cases = [{"case": f"case_{n}", "class": "ball", "dice": value} for n, value in enumerate(dice)]
    write_table(folder / "metrics_cases.csv", cases)
    (folder / "predictions" / "case_0.nii.gz").write_bytes(label)
    listed = {"path": "checkpoints/best.pt", "bytes": 1, "sha256": "0", "tensors_sha256": tensors}
    manifest = {"schema_version": 1, "run_id": folder.name, "files": [listed]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return write_run(tmp_path / "before", [0.8, 0.9, 0.7])


def test_runs_that_differ_only_in_their_times_are_bitwise_the_same(before: Path, tmp_path: Path) -> None:
    slower = [{**row, "seconds": 99.0} for row in EPOCHS]
    found = compare_runs(before, write_run(tmp_path / "now", [0.8, 0.9, 0.7], slower))
    assert found.verdict == "bitwise"


@pytest.mark.parametrize("change", [{"tensors": "b"}, {"label": b"other"}])
def test_other_weights_or_label_maps_are_not_bitwise_the_same(
    before: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    found = compare_runs(before, write_run(tmp_path / "now", [0.8, 0.9, 0.7], **change))  # type: ignore[arg-type]
    assert found.verdict == "statistical"


def test_the_first_difference_is_named_with_its_size(before: Path, tmp_path: Path) -> None:
    epochs = [EPOCHS[0], {**EPOCHS[1], "train_loss": 0.75}]
    history = compare_runs(before, write_run(tmp_path / "now", [0.8, 0.9, 0.7], epochs)).history
    assert (history.n_same, history.is_same) == (1, False)
    assert history.first is not None
    assert history.first.sentence() == "main, epoch 2: train_loss was 0.7, is 0.75, by +0.05"


def test_a_validation_that_was_left_out_is_a_difference_without_a_size(before: Path, tmp_path: Path) -> None:
    epochs = [{**EPOCHS[0], "val_dice": ""}, EPOCHS[1]]
    first = compare_runs(before, write_run(tmp_path / "now", [0.8, 0.9, 0.7], epochs)).history.first
    assert first is not None
    assert first.sentence() == "main, epoch 1: val_dice was 0.5, is empty"


def test_missing_epochs_are_not_the_same(before: Path, tmp_path: Path) -> None:
    history = compare_runs(before, write_run(tmp_path / "now", [0.8, 0.9, 0.7], EPOCHS[:1])).history
    assert (history.n_before, history.n_now, history.is_same, history.first) == (2, 1, False, None)


def test_differences_of_either_sign_show_no_difference(before: Path, tmp_path: Path) -> None:
    found = compare_runs(before, write_run(tmp_path / "now", [0.81, 0.89, 0.705], tensors="b"))
    assert found.verdict == "statistical"
    assert found.dice is not None
    assert found.dice.mean == pytest.approx(0.005 / 3)
    assert (abs(found.dice.largest), found.dice.case in ("case_0", "case_1")) == (pytest.approx(0.01), True)


def test_cases_that_are_all_worse_are_a_difference(before: Path, tmp_path: Path) -> None:
    assert (
        compare_runs(before, write_run(tmp_path / "now", [0.7, 0.8, 0.6], tensors="b")).verdict == "different"
    )


def test_one_case_alone_shows_nothing(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", [0.8])
    found = compare_runs(before, write_run(tmp_path / "now", [0.8001], tensors="b"))
    assert found.verdict == "different"
    assert found.dice is not None
    assert found.dice.interval is None
