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


@pytest.fixture
def findings(new_dataset):
    """Describe a data set by these entries, and return what is wrong with them."""

    def of(*entries):
        folder = new_dataset()
        folder.save(training=list(entries))
        return read_description(folder.root).findings

    return of


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
    assert (case.images, case.label) == (("imagesTr/case_0.nii.gz",), "labelsTr/case_0.nii.gz")


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
def test_a_file_outside_the_data_sets_folder_is_a_finding(findings, file):
    (finding,) = findings(entry(file))
    assert finding.check == "files-inside"
    assert "lies outside the data set's folder" in finding.evidence


def test_a_metadata_file_of_macos_is_a_finding(findings):
    found = findings(entry("imagesTr/._a.nii.gz", "labelsTr/._a.nii.gz"))
    assert [finding.check for finding in found] == ["mac-files", "mac-files"]
    assert "imagesTr/._a.nii.gz is a macOS metadata file" in found[0].evidence


def test_all_problems_of_the_entries_are_told_at_once(findings):
    found = findings(
        entry("imagesTr/a.nii.gz"),
        "imagesTr/b.nii.gz",
        {"image": "imagesTr/c.nii.gz"},
        entry("imagesTr/d.dcm", "labelsTr/d.nii.gz"),
        entry("other/a.nii", "labelsTr/other.nii.gz"),
        entry("../e.nii.gz", "labelsTr/e.nii.gz"),
        {"image": [], "label": "labelsTr/f.nii.gz"},
        entry("imagesTr/g.nii.gz", "labelsTr/a.nii.gz"),
        entry("imagesTr/h.nii.gz", "imagesTr/h.nii.gz"),
        {**entry("imagesTr/i.nii.gz", "labelsTr/i.nii.gz"), "case": "a/b"},
    )
    assert [(finding.check, finding.evidence.split()[1]) for finding in found] == [
        ("entries", "2"),
        ("entries", "3"),
        ("entries", "4"),
        ("entries-once", "5"),
        ("files-inside", "6"),
        ("entries", "7"),
        ("entries-once", "8"),
        ("entries-once", "9"),
        ("entries", "10"),
    ]


def test_sound_entries_beside_faulty_ones_stay(new_dataset):
    folder = new_dataset()
    folder.save(training=[entry("../e.nii.gz"), entry("imagesTr/a.nii.gz")])
    assert [case.case for case in read_description(folder.root).cases] == ["a"]


def test_channels_may_lie_in_one_file_each_under_a_name_of_their_own(new_dataset):
    folder = new_dataset()
    images = ["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz"]
    folder.save(training=[{"image": images, "label": "labelsTr/a.nii.gz", "case": "a"}])
    (case,) = read_description(folder.root).cases
    assert (case.case, case.images) == ("a", tuple(images))


def test_images_without_labels_are_listed_and_unfit_ones_passed_over(new_dataset):
    folder = new_dataset()
    test = ["./imagesTs/a.nii.gz", {"image": "imagesTs/b.nii.gz"}, "../c.nii.gz", 4, "imagesTs/._d.nii.gz"]
    folder.save(training=[entry("imagesTr/a.nii.gz")], test=test)
    assert read_description(folder.root).unlabelled == (("imagesTs/a.nii.gz",), ("imagesTs/b.nii.gz",))


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


def test_names_that_differ_only_in_case_are_one_name(findings):
    (found,) = findings(entry("imagesTr/a.nii.gz"), entry("imagesTr/A.nii.gz", "labelsTr/b.nii.gz"))
    assert found.check == "entries-once"
