"""A bundle that MONAI's own command runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from segtrail.export.monai_bundle.segment_folder import segment_folder

Command = Callable[..., Any]


@pytest.fixture
def bundle(segtrail: Command, quick_run_dir: Path, tmp_path: Path) -> Path:
    result = segtrail("export", quick_run_dir, "--to", "monai-bundle", "--output", tmp_path)
    assert result.exit_code == 0, result.stderr
    return tmp_path / f"{quick_run_dir.name}_monai_bundle"


def run_monai(bundle: Path, *arguments: str) -> None:
    """Run MONAI's command in the folder of a bundle."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "monai.bundle", *arguments]
    done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("EXP-08")
def test_monai_runs_the_bundle_and_gives_nearly_the_masks_of_the_run(
    bundle: Path, quick_run_dir: Path, tmp_path: Path
) -> None:
    images = quick_run_dir.parents[2] / "data" / "imagesTr"
    run_monai(
        bundle,
        *("run", "--config_file", "configs/inference.json", "--dataset_dir", str(images)),
        *("--output_dir", str(tmp_path / "masks")),
    )
    for case in ("case_2", "case_3"):
        ours = nibabel.load(quick_run_dir / "predictions" / f"{case}.nii.gz")
        theirs = nibabel.load(tmp_path / "masks" / f"{case}.nii.gz")
        mask, other = np.asarray(ours.dataobj) > 0, np.asarray(theirs.dataobj) > 0
        assert mask.any()
        assert 2 * (mask & other).sum() / (mask.sum() + other.sum()) > 0.98
        np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-5)


def test_monai_finds_input_and_output_as_the_metadata_say(bundle: Path) -> None:
    run_monai(
        bundle,
        *("verify_net_in_out", "--net_id", "network_def", "--meta_file", "configs/metadata.json"),
        *("--config_file", "configs/inference.json", "--n", "1"),
    )


def test_the_bundle_brings_its_code_and_says_where_data_and_weights_come_from(
    bundle: Path, quick_run_dir: Path
) -> None:
    assert "class FastUNet" in (bundle / "scripts" / "fast.py").read_text(encoding="utf-8")
    assert '"segtrail.' not in (bundle / "configs" / "inference.json").read_text(encoding="utf-8")
    assert "Licence: CC0" in (bundle / "docs" / "data_license.txt").read_text(encoding="utf-8")
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert quick_run_dir.name in metadata["description"]
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"] == {
        "0": "background",
        "1": "ball",
    }


@pytest.mark.requirement("EXP-08")
def test_monai_runs_the_bundle_of_two_stages_and_gives_the_masks_of_the_run(
    segtrail: Command, staged_run_dir: Path, tmp_path: Path
) -> None:
    result = segtrail("export", staged_run_dir, "--to", "monai-bundle", "--output", tmp_path)
    assert result.exit_code == 0, result.stderr
    bundle = tmp_path / f"{staged_run_dir.name}_monai_bundle"
    predictions = sorted((staged_run_dir / "predictions").glob("*.nii.gz"))
    (tmp_path / "images").mkdir()
    for mask in predictions:
        [image] = staged_run_dir.parents[2].rglob(f"imagesTr/{mask.name}")
        shutil.copy(image, tmp_path / "images")
    run_monai(
        bundle,
        *("run", "--config_file", "configs/inference.json", "--dataset_dir", str(tmp_path / "images")),
        *("--output_dir", str(tmp_path / "masks")),
    )
    for mask in predictions:
        ours, theirs = nibabel.load(mask), nibabel.load(tmp_path / "masks" / mask.name)
        np.testing.assert_array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))
        np.testing.assert_array_equal(ours.affine, theirs.affine)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert "segtrail" in metadata["required_packages_version"]


def test_a_damaged_image_is_named_and_the_others_are_segmented(staged_run_dir: Path, tmp_path: Path) -> None:
    mask = next((staged_run_dir / "predictions").glob("*.nii.gz"))
    [image] = staged_run_dir.parents[2].rglob(f"imagesTr/{mask.name}")
    shutil.copy(image, tmp_path)
    (tmp_path / "a_damaged.nii.gz").write_bytes(b"no image")
    with pytest.raises(SystemExit, match=r"could not be segmented:\na_damaged.nii.gz: "):
        segment_folder(str(staged_run_dir), str(tmp_path), str(tmp_path / "masks"))
    assert [path.name for path in (tmp_path / "masks").iterdir()] == [mask.name]


def test_a_folder_without_images_is_told(staged_run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="There is no NIfTI file in"):
        segment_folder(str(staged_run_dir), str(tmp_path), str(tmp_path / "masks"))


def test_a_run_with_flips_at_test_time_is_segmented_by_segtrail(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    path = run_dir / "checkpoints" / "best.pt"
    content = torch.load(path, weights_only=True)
    content["config"]["infer"]["flips"] = [0]
    torch.save(content, path)
    result = segtrail("export", run_dir, "--to", "monai-bundle", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    [bundle] = (tmp_path / "out").iterdir()
    copied = torch.load(bundle / "models" / "run" / "checkpoints" / "best.pt", weights_only=True)
    assert copied["config"]["infer"]["flips"] == [0]
    assert "segment_folder" in (bundle / "configs" / "inference.json").read_text(encoding="utf-8")


@pytest.mark.requirement("EXP-03")
@pytest.mark.parametrize("run", ["quick_run_dir", "staged_run_dir"])
def test_a_bundle_tells_nothing_of_the_machine(
    segtrail: Command, run: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run_dir: Path = request.getfixturevalue(run)
    result = segtrail("export", run_dir, "--to", "monai-bundle", "--output", tmp_path)
    assert result.exit_code == 0, result.stderr
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert str(run_dir.parents[2]).encode() not in path.read_bytes(), path
