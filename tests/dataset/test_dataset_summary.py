import hashlib
import json

import numpy as np
import pytest

from segtrail.config.schema import SplitConfig
from segtrail.dataset.checking.checks import CHECKS, check_dataset
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.scan import scan_dataset
from segtrail.dataset.split import split_cases
from segtrail.dataset.summary import dataset_fingerprint, summarise_dataset

AFFINE = np.diag([2.0, 0.5, 4.0, 1.0])


def summarise(folder, **split):
    description = read_description(folder.root)
    cases = scan_dataset(description, 0.1)
    return summarise_dataset(
        description, cases, check_dataset(description, cases), split_cases(cases, SplitConfig(**split))
    )


def fingerprint(folder):
    description = read_description(folder.root)
    return dataset_fingerprint(description, scan_dataset(description, 0.1))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def block(count):
    """A label map of ``count`` voxels, each of 4 cubic millimetres."""
    labels = np.zeros((10, 8, 6), np.uint8)
    labels.reshape(-1)[:count] = 1
    return labels


@pytest.fixture
def folder(new_dataset):
    """Three cases whose volumes are 0.4, 0.8 and 1.2 mL."""
    folder = new_dataset()
    for number, count in enumerate((100, 200, 300)):
        image = np.arange(480, dtype=np.int16).reshape(10, 8, 6) + number
        folder.add_case(f"la_{number}", image, block(count), AFFINE)
    return folder


def test_the_summary_names_the_data_set_and_holds_no_path_of_the_machine(folder):
    summary = summarise(folder, val=("la_1",))
    assert (summary["name"], summary["licence"], summary["schema_version"]) == ("Balls", "CC0", 1)
    assert summary["dataset_json_sha256"] == sha256(folder.root / "dataset.json")
    assert summary["labels"] == {"0": "background", "1": "ball"}
    assert str(folder.root) not in json.dumps(summary)
    assert summary["data_root"] == "${data_root}"


def test_each_case_holds_its_facts(folder):
    entry = summarise(folder, val=("la_1",))["cases"][0]
    image, label = entry["image"], entry["label"]
    assert (entry["case"], entry["side"], entry["group"]) == ("la_0", "train", None)
    assert image["file"] == "imagesTr/la_0.nii.gz"
    assert image["sha256_file"] == sha256(folder.root / "imagesTr/la_0.nii.gz")
    assert (image["dtype"], label["dtype"]) == ("int16", "uint8")
    assert image["shape"] == [10, 8, 6]
    assert image["spacing_mm"] == pytest.approx([2.0, 0.5, 4.0])
    assert image["orientation"] == "RAS"
    assert label["volumes_ml"] == {"ball": pytest.approx(0.4)}


def test_intensity_percentiles_are_those_of_each_channel(folder):
    percentiles = summarise(folder, val=("la_1",))["cases"][0]["image"]["intensity_percentiles"]
    assert len(percentiles) == 1
    assert list(percentiles[0]) == ["0", "0.5", "5", "50", "95", "99.5", "100"]
    expected = np.percentile(np.arange(480), [0, 0.5, 5, 50, 95, 99.5, 100])
    assert list(percentiles[0].values()) == pytest.approx(list(expected))


def test_aggregates_are_told_for_all_and_for_each_side(folder):
    aggregates = summarise(folder, val=("la_1",))["aggregates"]
    assert list(aggregates) == ["all", "train", "val"]
    assert [side["n_cases"] for side in aggregates.values()] == [3, 2, 1]
    ranges = {"min": 0.4, "median": 0.8, "max": 1.2, "mean": 0.8}
    assert aggregates["all"]["volume_ml"]["ball"] == pytest.approx(ranges)
    assert aggregates["val"]["volume_ml"]["ball"]["mean"] == pytest.approx(0.8)
    assert aggregates["all"]["spacing_mm"]["median"] == pytest.approx([2.0, 0.5, 4.0])


def test_the_test_side_and_the_groups_are_told(folder):
    folder.description["training"][2]["group"] = "patient7"
    folder.save()
    summary = summarise(folder, val=("la_1",), test=("la_2",))
    assert summary["aggregates"]["test"]["n_cases"] == 1
    assert summary["cases"][2]["group"] == "patient7"
    assert summary["split"]["test"] == ["la_2"]
    assert summary["split"]["method"] == "named"


def test_every_check_is_told_with_its_outcome(folder):
    folder.add_case("twin", np.arange(480, dtype=np.float32).reshape(10, 8, 6), block(7), AFFINE)
    checks = {check["id"]: check for check in summarise(folder)["checks"]}
    assert set(checks) == {check.id for check in CHECKS}
    assert checks["finite"]["status"] == "passed"
    assert checks["duplicate-images"]["status"] == "failed"
    assert checks["duplicate-images"]["findings"] == [
        {"case": "la_0", "evidence": "la_0 and twin hold the same voxels"}
    ]


def test_the_summary_is_plain_json(folder):
    summary = summarise(folder)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_reading_the_same_data_again_gives_the_same_summary(folder):
    assert summarise(folder) == summarise(folder)


@pytest.mark.parametrize("part", ["imagesTr", "labelsTr"])
def test_the_fingerprint_changes_with_one_voxel(folder, part):
    before = fingerprint(folder)
    changed = block(101) if part == "labelsTr" else np.arange(480, dtype=np.int16).reshape(10, 8, 6)
    changed = changed.copy()
    changed[9, 7, 5] += 1
    folder.write_volume(f"{part}/la_0.nii.gz", changed, AFFINE)
    assert fingerprint(folder) != before


def test_the_fingerprint_changes_with_the_description_and_with_the_affine(folder):
    before = fingerprint(folder)
    folder.write_volume("labelsTr/la_0.nii.gz", block(100), AFFINE + np.diag([0.001, 0, 0, 0]))
    moved = fingerprint(folder)
    folder.save(release="1.1")
    assert len({before, moved, fingerprint(folder)}) == 3


def test_the_fingerprint_does_not_depend_on_where_the_data_lie(folder):
    before = fingerprint(folder)
    folder.root = folder.root.rename(folder.root.with_name("moved"))
    assert fingerprint(folder) == before
