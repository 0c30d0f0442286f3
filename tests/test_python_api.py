"""Opening a run in Python: what it takes, and what it says to what it can't take."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import segtrail
from segtrail.inference import trained


@pytest.fixture(scope="module")
def run(quick_run_dir: Path) -> segtrail.Run:
    return segtrail.Run.open(quick_run_dir)


def image_file(quick_run_dir: Path) -> Path:
    return quick_run_dir.parents[2] / "data" / "imagesTr" / "case_4.nii.gz"


def test_a_run_is_opened_as_latest_by_id_and_by_folder(quick_run_dir: Path) -> None:
    root = quick_run_dir.parents[1]
    for name in ("latest", quick_run_dir.name, quick_run_dir):
        run = segtrail.Run.open(name, output_root=root)
        assert (run.id, run.path) == (quick_run_dir.name, quick_run_dir.resolve())
        assert run.labels == {0: "background", 1: "ball"}


def test_the_labels_are_those_that_the_run_wrote(quick_run_dir: Path, run: segtrail.Run) -> None:
    labels, affine = run.predict(image_file(quick_run_dir), device="cpu")
    written = nibabel.load(quick_run_dir / "predictions" / "case_4.nii.gz")
    np.testing.assert_array_equal(labels, np.asarray(written.dataobj))
    np.testing.assert_array_equal(affine, written.affine)


def test_the_network_is_opened_once(quick_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    open_network = trained.open_trained_network
    monkeypatch.setattr(
        trained, "open_trained_network", lambda *arguments: opened.append(1) or open_network(*arguments)
    )
    run = segtrail.Run.open(quick_run_dir)
    for _ in range(3):
        run.predict(image_file(quick_run_dir), device="cpu")
    assert opened == [1]


def test_channels_come_first_in_an_array(quick_run_dir: Path, run: segtrail.Run) -> None:
    image = nibabel.load(image_file(quick_run_dir))
    plain = run.predict(image.get_fdata(), affine=image.affine, device="cpu")
    with_channel = run.predict(image.get_fdata()[np.newaxis], affine=image.affine, device="cpu")
    np.testing.assert_array_equal(plain.labels, with_channel.labels)


@pytest.mark.parametrize(
    ("image", "affine", "expected"),
    [
        (np.zeros((8, 8, 8)), None, "Give affine="),
        (np.zeros((8, 8)), np.eye(4), r"expected \(x, y, z\)"),
        (np.zeros((8, 8, 8)), np.eye(3), r"expected \(4, 4\)"),
        (np.zeros((8, 8, 8)), np.zeros((4, 4)), "can't be inverted"),
        (np.zeros((8, 8, 8)), np.full((4, 4), np.nan), "can't be inverted"),
        (np.full((8, 8, 8), np.inf), np.eye(4), "NaN or infinite"),
        (np.zeros((2, 8, 8, 8)), np.eye(4), "2 channels; the network takes 1"),
        (object(), np.eye(4), "neither a file"),
        ("scan.nii.gz", np.eye(4), "brings its own"),
        ("scan.nii.gz", None, "is not there"),
        (["a.nii.gz", "b.nii.gz"], None, "is not there"),
    ],
)
def test_what_is_no_image_is_told_in_a_sentence(
    run: segtrail.Run, image: Any, affine: Any, expected: str
) -> None:
    with pytest.raises(segtrail.SegtrailError, match=expected):
        run.predict(image, affine=affine, device="cpu")


def test_a_run_that_there_is_not_and_an_unknown_checkpoint_are_told(
    tmp_path: Path, quick_run_dir: Path
) -> None:
    with pytest.raises(segtrail.SegtrailError, match="no run"):
        segtrail.Run.open("latest", output_root=tmp_path)
    with pytest.raises(segtrail.SegtrailError, match="expected 'best' or 'last'"):
        segtrail.Run.open(quick_run_dir, checkpoint="worst")


def test_an_evaluation_is_that_of_the_command(run: segtrail.Run) -> None:
    answer = run.evaluate(cases=["case_4"], device="cpu")
    assert [(row["case"], row["split"]) for row in answer["cases"]] == [("case_4", "test")]
