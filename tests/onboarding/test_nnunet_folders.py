"""nnU-Net's raw folders are described without touching what nnU-Net needs."""

import json
from pathlib import Path

import numpy as np
import pytest

from segtrail.config.load import load_config
from segtrail.dataset.description import read_description
from segtrail.errors import InputError


@pytest.fixture
def raw_folder(scans):
    """Make a raw folder of three cases, with changes to its dataset.json."""

    def make(n_channels=1, ending=".nii.gz", **changes):
        folder = scans(name="Dataset001_Liver")
        for case in ("liver_0", "liver_1", "liver_2"):
            for channel in range(n_channels):
                folder.add_image(f"imagesTr/{case}_{channel:04}{ending}")
            folder.add_label(f"labelsTr/{case}{ending}")
        description = {
            "channel_names": {str(n): f"T{n + 1}" for n in range(n_channels)},
            "labels": {"background": 0, "liver": 1},
            "numTraining": 3,
            "file_ending": ending,
        }
        write(folder, {key: value for key, value in (description | changes).items() if value is not None})
        return folder

    return make


def write(folder, description):
    (folder.root / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


def refusal(segtrail, folder, *options):
    result = segtrail("init", folder.root, "--yes", *options)
    assert result.exit_code == 2, result.stdout
    assert not (folder.root / "segtrail_dataset.json").exists()
    return result.stderr


@pytest.mark.parametrize(("n_channels", "ending"), [(1, ".nii.gz"), (2, ".nii")])
def test_it_trains_on_what_init_wrote(segtrail, raw_folder, n_channels, ending):
    folder = raw_folder(n_channels, ending)
    before = (folder.root / "dataset.json").read_bytes()
    assert segtrail("init", folder.root, "--yes").exit_code == 0
    assert (folder.root / "dataset.json").read_bytes() == before
    assert load_config(Path("Dataset001_Liver.yaml")).data.description_file == "segtrail_dataset.json"
    description = read_description(folder.root, "segtrail_dataset.json")
    assert description.cases[0].case == "liver_0"
    assert description.cases[0].images == tuple(
        f"imagesTr/liver_0_{channel:04}{ending}" for channel in range(n_channels)
    )
    assert list(description.modality.values()) == ["T1", "T2"][:n_channels]
    assert description.labels == {0: "background", 1: "liver"}
    result = segtrail(
        *("train", "Dataset001_Liver.yaml", "train.max_epochs=1"),
        *("patch.patches_per_case=2", "report.enabled=false"),
    )
    assert result.exit_code == 0, result.stderr


def test_the_first_version_of_the_format_is_understood_too(segtrail, raw_folder):
    folder = raw_folder()
    write(
        folder,
        {
            "modality": {"0": "CT"},
            "labels": {"0": "background", "1": "liver"},
            "training": [{"image": "./imagesTr/liver_0.nii.gz", "label": "./labelsTr/liver_0.nii.gz"}],
        },
    )
    assert segtrail("init", folder.root, "--yes").exit_code == 0
    assert len(read_description(folder.root, "segtrail_dataset.json").cases) == 3


def test_images_for_testing_and_cases_without_a_partner_are_listed(segtrail, raw_folder):
    folder = raw_folder()
    folder.add_image("imagesTs/liver_9_0000.nii.gz")
    folder.add_image("imagesTr/liver_3_0000.nii.gz")
    folder.add_label("labelsTr/liver_4.nii.gz")
    answer = json.loads(segtrail("init", folder.root, "--yes", "--json").stdout)
    assert answer["test"] == [["imagesTs/liver_9_0000.nii.gz"]]
    assert answer["unmatched"] == {
        "images": ["imagesTr/liver_3_0000.nii.gz"],
        "labels": ["labelsTr/liver_4.nii.gz"],
    }


def test_a_description_that_init_wrote_is_used_the_next_time(segtrail, raw_folder):
    folder = raw_folder()
    segtrail("init", folder.root, "--yes")
    again = json.loads(segtrail("init", folder.root, "--yes", "--json", "--config", "b.yaml").stdout)
    assert again["dataset_written"] is False
    assert load_config(Path("b.yaml")).data.description_file == "segtrail_dataset.json"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": {"background": 0, "whole": [1, 2], "core": 2}}, "regions (whole"),
        ({"labels": {"background": 0, "liver": 1, "ignore": 2}}, '"ignore"'),
        ({"labels": {"background": 0, "liver": 2}}, "without a gap"),
        ({"labels": {"background": 0, "liver": "x"}}, "without a gap"),
        ({"labels": []}, "must name the classes"),
        ({"channel_names": {"1": "T1"}}, "number the channels from 0"),
        ({"channel_names": {"0": "T1", "1": "T2"}}, "liver_0 (has 0000)"),
        ({"file_ending": ".nrrd"}, "'.nrrd'"),
        ({"dataset": {"liver_0": {}}}, "lists its files"),
    ],
)
def test_what_segtrail_does_not_do_is_refused_with_a_sentence(segtrail, raw_folder, changes, said):
    assert said in refusal(segtrail, raw_folder(**changes))


def test_a_value_that_is_not_named_is_refused(segtrail, raw_folder):
    folder = raw_folder()
    folder.add_label("labelsTr/liver_1.nii.gz", np.full((20, 18, 14), 7, np.uint8))
    assert "the values 7, which dataset.json does not name" in refusal(segtrail, folder)


def test_a_folder_without_cases_is_named(segtrail, scans):
    folder = scans()
    write(folder, {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}})
    assert "no imagesTr/CASE_0000.nii.gz" in refusal(segtrail, folder)


def test_reading_nnunets_description_as_a_data_set_names_init(raw_folder):
    with pytest.raises(InputError, match="segtrail init Dataset001_Liver"):
        read_description(raw_folder().root)
