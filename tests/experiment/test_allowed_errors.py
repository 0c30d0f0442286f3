"""Errors of the data that the configuration allows, and what the record says of them."""

import json

import numpy as np
import pypdf
import pytest


@pytest.fixture
def folder(tiny_config):
    """The data set of the tiny configuration."""
    return tiny_config.parent / "data"


def summary(tmp_path):
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    return json.loads((run / "dataset_summary.json").read_text(encoding="utf-8"))


def outcome(content, check):
    return next(entry for entry in content["checks"] if entry["id"] == check)


SHORT = ("train.max_epochs=1", "report.enabled=false")


def test_an_error_that_is_not_allowed_stops_the_training_before_a_run_folder(
    tmp_path, tiny_config, folder, segtrail
):
    (folder / "labelsTr/case_1.nii.gz").unlink()
    result = segtrail("train", tiny_config, *SHORT)
    assert result.exit_code == 1
    assert "labelsTr/case_1.nii.gz is not there" in result.stderr
    assert not (tmp_path / "outputs" / "runs").exists()


@pytest.mark.requirement("DAT-02")
def test_a_case_that_can_not_be_used_is_left_out_and_recorded(tmp_path, tiny_config, folder, segtrail):
    (folder / "labelsTr/case_1.nii.gz").unlink()
    result = segtrail("train", tiny_config, *SHORT, "data.allow=[files-readable]")
    assert result.exit_code == 0, result.stderr
    assert "Left out: case_1 (files-readable)" in result.stdout
    content = summary(tmp_path)
    assert content["left_out"] == [{"case": "case_1", "checks": ["files-readable"]}]
    assert [case["case"] for case in content["cases"]] == ["case_0", "case_2", "case_3"]
    entry = outcome(content, "files-readable")
    assert (entry["severity"], entry["allowed"], entry["status"]) == ("warning", True, "failed")


def test_a_case_that_can_be_used_stays(tmp_path, tiny_config, make_dataset, segtrail):
    data = make_dataset()
    data.write_volume("labelsTr/case_1.nii.gz", np.zeros((20, 18, 14), np.uint8))
    result = segtrail("train", tiny_config, *SHORT, "data.allow=[label-empty]")
    assert result.exit_code == 0, result.stderr
    content = summary(tmp_path)
    assert content["left_out"] == []
    assert "case_1" in [case["case"] for case in content["cases"]]


def test_a_case_of_the_split_that_can_not_be_used_is_named(tiny_config, folder, segtrail):
    (folder / "labelsTr/case_2.nii.gz").unlink()
    result = segtrail("train", tiny_config, *SHORT, "data.allow=[files-readable]")
    assert result.exit_code == 2
    assert "case_2 (files-readable)" in result.stderr


def test_cases_left_out_at_their_entry_are_recorded_once_each(tmp_path, tiny_config, make_dataset, segtrail):
    data = make_dataset(5)
    entries = data.description["training"]
    entries[0]["case"] = "con"
    entries[4] |= {"label": "../case_4.nii.gz"}
    (data.root / "labelsTr/case_1.nii.gz").unlink()
    data.save(
        training=[
            *entries,
            {"image": "imagesTr/._x.nii.gz", "label": "labelsTr/._x.nii.gz", "case": "x"},
            {"image": "imagesTr/y.nii.gz", "label": "labelsTr/case_3.nii.gz"},
            {"image": "other/CASE_1.nii.gz", "label": "labelsTr/w.nii.gz"},
            {"image": "other/CASE_2.nii.gz", "label": "labelsTr/z.nii.gz"},
            {"image": "../case_3.nii.gz", "label": "labelsTr/z.nii.gz"},
        ]
    )
    data.add_case("case_5")
    allowed = "data.allow=[entries, entries-once, files-inside, mac-files, files-readable]"
    result = segtrail("train", tiny_config, *SHORT, allowed)
    assert result.exit_code == 0, result.stderr
    content = summary(tmp_path)
    assert content["left_out"] == [
        {"case": "con", "checks": ["entries"]},
        {"case": "y", "checks": ["entries-once"]},
        {"case": "CASE_1", "checks": ["entries-once"]},
        {"case": "case_4", "checks": ["files-inside"]},
        {"case": "x", "checks": ["mac-files"]},
        {"case": "case_1", "checks": ["files-readable"]},
    ]
    assert [case["case"] for case in content["cases"]] == ["case_2", "case_3", "case_5"]


def test_images_under_test_that_can_not_be_used_do_not_stop_a_training(
    tmp_path, tiny_config, make_dataset, segtrail
):
    make_dataset().save(test=["../a.nii.gz", "imagesTs/gone.nii.gz", 4])
    result = segtrail("train", tiny_config, *SHORT)
    assert result.exit_code == 0, result.stderr
    found = outcome(summary(tmp_path), "unlabelled")
    assert (found["severity"], len(found["findings"])) == ("note", 3)
    assert "imagesTs/gone.nii.gz" in found["findings"][2]["evidence"]


@pytest.mark.parametrize("name", ["label-emty", "outlier-size"])
def test_only_errors_can_be_allowed(tiny_config, segtrail, name):
    result = segtrail("train", tiny_config, *SHORT, f"data.allow=[{name}]")
    assert result.exit_code == 2
    assert name in result.stderr
    assert "label-empty" in result.stderr


def test_an_evaluation_allows_what_the_run_allowed(tmp_path, tiny_config, folder, segtrail):
    (folder / "labelsTr/case_1.nii.gz").unlink()
    segtrail("train", tiny_config, *SHORT, "data.allow=[files-readable]")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    answer = json.loads(segtrail("evaluate", run, "--json").stdout)
    assert sorted({entry["case"] for entry in answer["cases"]}) == ["case_0", "case_2", "case_3"]


def test_the_report_says_what_was_allowed_and_left_out(tmp_path, tiny_config, folder, segtrail):
    (folder / "labelsTr/case_1.nii.gz").unlink()
    segtrail("train", tiny_config, "train.max_epochs=1", "data.allow=[files-readable]")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(run / "report.pdf").pages)
    flat = " ".join(text.split())
    assert "case_1 (files-readable), as data.allow says" in flat
    assert "warning, allowed" in flat
