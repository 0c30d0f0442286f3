import hashlib

import pytest

from segtrail.dataset.description import case_name, read_description
from segtrail.errors import InputError


def entry(image, label="labelsTr/a.nii.gz"):
    return {"image": image, "label": label}


@pytest.fixture
def refusal(new_dataset):
    """Describe a data set in a way that must be refused, and return what the user is told."""

    def message(**changes):
        folder = new_dataset()
        folder.save(training=[entry("./imagesTr/a.nii.gz")])
        folder.save(**changes)
        with pytest.raises(InputError) as caught:
            read_description(folder.root)
        return str(caught.value)

    return message


def test_the_description_says_what_the_file_says(make_dataset):
    folder = make_dataset(2)
    folder.save(labels={"1": "left atrium", "0": "background"}, modality={"0": "T1", "1": "T2"})
    description = read_description(folder.root)
    assert (description.name, description.licence, description.reference) == ("Balls", "CC0", "nobody")
    assert description.labels == {0: "background", 1: "left atrium"}
    assert description.class_names == {1: "left atrium"}
    assert description.n_channels == 2
    assert [case.case for case in description.cases] == ["case_0", "case_1"]
    assert description.sha256 == hashlib.sha256((folder.root / "dataset.json").read_bytes()).hexdigest()


def test_the_decathlons_own_spellings_are_understood(make_dataset):
    folder = make_dataset(1)
    folder.description.pop("release")
    folder.description.pop("licence")
    folder.save(relase="2.0", license="CC-BY-SA 4.0")
    description = read_description(folder.root)
    assert (description.release, description.licence) == ("2.0", "CC-BY-SA 4.0")


def test_only_the_cases_that_the_file_names_are_there(make_dataset):
    folder = make_dataset(2)
    folder.write_volume("imagesTr/stray.nii.gz", read_any(folder))
    folder.root.joinpath("imagesTr/._case_0.nii.gz").write_bytes(b"\0\5\x16\7")
    assert [case.case for case in read_description(folder.root).cases] == ["case_0", "case_1"]


def read_any(folder):
    import nibabel
    import numpy as np

    return np.asarray(nibabel.load(folder.root / "imagesTr/case_0.nii.gz").dataobj)


def test_leading_dots_and_backslashes_in_paths_are_understood(make_dataset):
    folder = make_dataset(1)
    folder.save(training=[entry("./imagesTr/case_0.nii.gz", "labelsTr\\case_0.nii.gz")])
    case = read_description(folder.root).cases[0]
    assert (case.image, case.label) == ("imagesTr/case_0.nii.gz", "labelsTr/case_0.nii.gz")


@pytest.mark.parametrize("file", ["imagesTr/la.003.nii.gz", "la.003.nii", "./deep/er/la.003.nii.gz"])
def test_a_case_is_called_as_its_image_without_the_suffix(file):
    assert case_name(file) == "la.003"


@pytest.mark.parametrize(
    "file",
    [
        "../secret/a.nii.gz",
        "imagesTr/../../a.nii",
        "/etc/a.nii",
        "C:\\data\\a.nii",
        "C:/data/a.nii",
        "\\\\nas\\a.nii",
    ],
)
def test_a_file_outside_the_data_sets_folder_is_refused(refusal, file):
    assert f"entry 1, image: {file} lies outside the data set's folder" in refusal(training=[entry(file)])


def test_a_metadata_file_of_macos_is_refused(refusal):
    message = refusal(training=[entry("imagesTr/._a.nii.gz", "labelsTr/._a.nii.gz")])
    assert "entry 1, image: imagesTr/._a.nii.gz is a macOS metadata file" in message
    assert "entry 1, label: labelsTr/._a.nii.gz is a macOS metadata file" in message


def test_all_problems_of_the_entries_are_told_at_once(refusal):
    message = refusal(
        training=[
            entry("imagesTr/a.nii.gz"),
            "imagesTr/b.nii.gz",
            {"image": "imagesTr/c.nii.gz"},
            entry("imagesTr/d.dcm"),
            entry("other/a.nii"),
            entry("../e.nii.gz"),
        ]
    )
    for problem in (
        'entry 2: expected {"image": file, "label": file}',
        "entry 3: expected",
        "entry 4, image: imagesTr/d.dcm is no .nii or .nii.gz file",
        "entry 5: a case named a stands there already",
        "entry 6, image: ../e.nii.gz lies outside",
    ):
        assert problem in message


@pytest.mark.parametrize(
    "labels", [{}, {"0": "background"}, {"1": "a"}, {"0": "b", "2": "a"}, {"0": "b", "x": "a"}, 3]
)
def test_labels_that_are_not_numbered_from_zero_are_refused(refusal, labels):
    assert 'expected as {"0": "background"' in refusal(labels=labels) or "must name" in refusal(labels=labels)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"training": []}, "there is nothing to train on"),
        ({"training": None}, 'has no list "training"'),
        ({"modality": "MRI"}, '"modality" in dataset.json must name the channels'),
    ],
)
def test_a_description_without_its_parts_is_refused(refusal, changes, sentence):
    assert sentence in refusal(**changes)


def test_a_folder_or_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no data set folder .*nowhere"):
        read_description(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has no dataset\.json"):
        read_description(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{}", b"[1, 2]", b""])
def test_a_file_that_is_no_description_is_refused(tmp_path, content):
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(InputError, match=r"dataset\.json of the data set"):
        read_description(tmp_path)


def test_a_description_by_another_name_is_read(make_dataset):
    folder = make_dataset(1)
    folder.root.joinpath("dataset.json").rename(folder.root / "fold_1.json")
    assert len(read_description(folder.root, "fold_1.json").cases) == 1
