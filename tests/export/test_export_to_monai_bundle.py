"""A bundle that MONAI's own command runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

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


def test_a_run_of_two_stages_is_refused(segtrail: Command, staged_run_dir: Path, tmp_path: Path) -> None:
    result = segtrail("export", staged_run_dir, "--to", "monai-bundle", "--output", tmp_path)
    assert result.exit_code == 2
    assert "has two stages" in result.stderr
    assert list(tmp_path.iterdir()) == []
