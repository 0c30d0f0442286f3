"""Networks as ONNX, read by ONNX Runtime, with the masks of the run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from segtrail.errors import CheckFailed
from segtrail.export.trained_run import ComparedMask

Command = Callable[..., Any]
SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "onnx_model.schema.json"


def exported(segtrail: Command, run: Path, output: Path) -> Path:
    result = segtrail("export", run, "--to", "onnx", "--output", output)
    assert result.exit_code == 0, result.stderr
    return output / f"{run.name}_onnx"


def description_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return content


@pytest.mark.requirement("EXP-07")
def test_onnx_runtime_gives_the_masks_of_the_run(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path
) -> None:
    folder = exported(segtrail, quick_run_dir, tmp_path)
    check = description_of(folder)["check"]
    assert [case["case"] for case in check["cases"]] == ["case_2", "case_3"]
    assert all(case["differing"] == 0 and case["voxels"] > 0 for case in check["cases"])
    assert 0 <= check["largest_difference_of_logits"]["main"] < 1e-3


@pytest.mark.requirement("EXP-07")
def test_both_networks_of_a_run_of_two_stages_are_written_and_compared(
    segtrail: Command, staged_run_dir: Path, tmp_path: Path
) -> None:
    folder = exported(segtrail, staged_run_dir, tmp_path)
    content = description_of(folder)
    assert [stage["file"] for stage in content["stages"]] == ["coarse.onnx", "fine.onnx"]
    assert all((folder / stage["file"]).is_file() for stage in content["stages"])
    assert content["check"]["cases"][0]["differing"] == 0


def test_batch_and_sides_of_the_input_are_free(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path
) -> None:
    import onnx
    import onnxruntime

    folder = exported(segtrail, quick_run_dir, tmp_path)
    onnx.checker.check_model(str(folder / "main.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(folder / "main.onnx"), providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"image": np.zeros((2, 1, 12, 8, 20), np.float32)})
    assert logits.shape == (2, 2, 12, 8, 20)


def test_a_second_export_is_the_same_and_another_folder_is_left_alone(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path
) -> None:
    folder = exported(segtrail, quick_run_dir, tmp_path)
    command = ("export", quick_run_dir, "--to", "onnx", "--output", tmp_path)
    assert "it was there already" in segtrail(*command).stdout
    (folder / "model.json").write_text("mine", encoding="utf-8")
    refused = segtrail(*command)
    assert refused.exit_code == 2
    assert "holds something else" in refused.stderr
    assert (folder / "model.json").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_without_its_data_set_a_run_is_compared_on_noise(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    check = description_of(exported(segtrail, run_dir, tmp_path))["check"]
    assert check["cases"] == []
    assert check["largest_difference_of_logits"]["main"] < 1e-3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "onnx"], "--output DIR"),
        (["--to", "onnx", "--output", "x", "--all"], "--to mlflow alone"),
        (["--to", "onnx", "--output", "x", "again"], "takes one run"),
        (["--to", "mlflow", "--data", "x"], "--data goes with"),
        (["--to", "onyx", "--output", "x"], "is not one of"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    segtrail: Command, quick_run_dir: Path, arguments: list[str], sentence: str
) -> None:
    result = segtrail("export", quick_run_dir, *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_run_that_is_not_finished_or_has_no_weights_is_refused(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    command = ("export", run_dir, "--to", "onnx", "--output", tmp_path / "out")
    (run_dir / "checkpoints" / "best.pt").unlink()
    assert "has no checkpoints/best.pt" in segtrail(*command).stderr
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    (run_dir / "run.json").write_text(json.dumps({**state, "status": "failed"}), encoding="utf-8")
    result = segtrail(*command)
    assert result.exit_code == 2
    assert "is failed, so its network is not exported" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_is_written_into_the_run(segtrail: Command, run_dir: Path) -> None:
    result = segtrail("export", run_dir, "--to", "onnx", "--output", run_dir / "onnx")
    assert result.exit_code == 2
    assert "lies in the run itself" in result.stderr


def test_without_the_package_the_sentence_names_the_extra_of_onnx(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = segtrail("export", quick_run_dir, "--to", "onnx", "--output", tmp_path)
    assert result.exit_code == 2
    assert "pip install 'segtrail[onnx]'" in result.stderr


def test_masks_that_differ_by_more_than_rounding_are_refused() -> None:
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[2:8, 2:8, 2:8] = 1
    ComparedMask.of("case", mask, mask).require_same("a tool")
    with pytest.raises(CheckFailed, match="differs from that of the run in 216 of 216"):
        ComparedMask.of("case", mask, np.zeros_like(mask)).require_same("a tool")
