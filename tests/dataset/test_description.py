import hashlib
import os

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


def test_images_without_labels_are_listed_and_unfit_ones_found(new_dataset):
    folder = new_dataset()
    test = [
        "./imagesTs/a.nii.gz",
        {"image": "imagesTs/b.nii.gz"},
        *("../c.nii.gz", 4, "imagesTs/._d.nii.gz", "imagesTs/d\0.nii", "imagesTs/.nii", "imagesTs/A.nii.gz"),
    ]
    folder.save(training=[entry("imagesTr/a.nii.gz")], test=test)
    description = read_description(folder.root)
    assert description.unlabelled == (("imagesTs/a.nii.gz",), ("imagesTs/b.nii.gz",))
    assert [finding.check for finding in description.findings] == ["unlabelled"] * 6
    told = " ".join(finding.evidence for finding in description.findings)
    assert [number for number in range(1, 9) if f"entry {number} of test in dataset.json" in told] == [
        *(3, 4, 5, 6, 7, 8)
    ]
    assert description.faulty_cases == ()


def test_a_list_test_that_is_none_is_found(new_dataset):
    folder = new_dataset()
    folder.save(training=[entry("imagesTr/a.nii.gz")], test={"a": 1})
    (finding,) = read_description(folder.root).findings
    assert (finding.check, finding.evidence) == ("unlabelled", '"test" in dataset.json is no list of images')


@pytest.mark.parametrize(
    "labels", [{}, {"0": "background"}, {"1": "a"}, {"0": "b", "2": "a"}, {"0": "b", "x": "a"}, 3]
)
def test_labels_that_are_not_numbered_from_zero_are_refused(refusal, labels):
    assert 'expected as {"0": "background"' in refusal(labels=labels) or "must name" in refusal(labels=labels)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": [[0, "a"], [float("inf"), "b"]]}, "must name the label values"),
        ({"labels": {"0": "bg", "1": "la", "2": "la"}}, "gives 1 and 2 one name, la"),
        ({"labels": {"0": "bg", "1": "é", "2": "e\u0301"}}, "gives 1 and 2 one name"),
        ({"labels": {"0": "bg", "1": "a", "01": "b"}}, "names 1 twice"),
        ({"labels": {"0": "bg", "1": None}}, 'The name of 1 under "labels" in dataset.json is no text'),
        ({"labels": {"0": "bg", "1": " "}}, 'The name of 1 under "labels" in dataset.json is empty'),
        ({"labels": {"0": "bg", "1": "a\0"}}, "holds control characters"),
        ({"labels": {"0": "bg", "1": "a\ud800"}}, "holds control characters"),
        ({"labels": {"0": "bg", "9" * 5000: "a"}}, "is no number"),
        ({"labels": {str(n): f"k{n}" for n in range(300)}}, "names 300 values; segtrail can tell 256 apart"),
        ({"modality": {}}, "must name the channels"),
        ({"modality": None}, "must name the channels"),
        ({"modality": ["MRI"]}, "must name the channels"),
        ({"modality": {"1": "MRI"}}, "numbered from 0 without a gap"),
        ({"modality": {"0": "T1", "2": "T2"}}, "has the values 0, 2; expected"),
        ({"modality": {"0": None}}, 'The name of 0 under "modality" in dataset.json is no text'),
        ({"modality": {"0": "T\ud800"}}, "holds control characters"),
        ({"name": "a\0b"}, '"name" in dataset.json holds control characters'),
        ({"name": "a\ud800"}, '"name" in dataset.json holds control characters'),
        ({"name": "x" * 1_000_000}, '"name" in dataset.json is longer than 200'),
        ({"name": ["Heart"]}, '"name" in dataset.json is a list; expected text'),
        ({"licence": "a\x07"}, '"licence" in dataset.json holds control characters'),
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


def test_a_description_without_channels_has_one(make_dataset):
    folder = make_dataset(1)
    del folder.description["modality"]
    folder.save()
    assert read_description(folder.root).modality == {"0": "image"}


def test_channels_come_in_the_order_of_their_numbers(make_dataset):
    folder = make_dataset(1)
    folder.save(modality={"1": "T2", "0": "T1"})
    assert list(read_description(folder.root).modality.values()) == ["T1", "T2"]


def test_texts_that_are_not_there_are_empty(make_dataset):
    folder = make_dataset(1)
    folder.save(name=None, licence=None, release=2.0, reference="one\nline\tand another")
    description = read_description(folder.root)
    assert (description.name, description.licence, description.release) == ("data", "", "2.0")
    assert description.reference == "one\nline\tand another"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"training": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ('{"training": ' + "9" * 5000 + "}", "a number of thousands of digits"),
        ('{"labels": {}, "training": [], "labels": {}}', 'names "labels" twice in one place'),
        ('{"labels": {"0": "b", "1": "x", "1": "y"}, "training": []}', 'names "1" twice in one place'),
        ('{"\\u0000": 1, "\\u0000": 2}', r'names "\x00" twice'),
    ],
)
def test_hostile_json_is_refused(tmp_path, content, sentence):
    (tmp_path / "dataset.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_description(tmp_path)
    assert sentence in str(caught.value)


def test_only_an_ordinary_file_is_a_description(tmp_path):
    (tmp_path / "dataset.json").mkdir()
    with pytest.raises(InputError, match="it is a folder; expected a file"):
        read_description(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
@pytest.mark.parametrize("command", ["check", "init"])
def test_a_pipe_in_place_of_a_description_does_not_hang(tmp_path, segtrail, command):
    os.mkfifo(tmp_path / "dataset.json")
    result = segtrail(command, tmp_path)
    assert result.exit_code == 2
    assert "it is a pipe or a device" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_description_that_links_to_itself_can_not_be_read(tmp_path, segtrail):
    (tmp_path / "dataset.json").symlink_to("dataset.json")
    for dataset in (tmp_path, tmp_path / "dataset.json"):
        result = segtrail("check", dataset, "--output", tmp_path / "out")
        assert result.exit_code == 2
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("content", ["[" * 100_000, '{"training": ' + "9" * 5000 + "}", '{"a": 1, "a": 2}'])
def test_init_tells_of_hostile_json_too(tmp_path, segtrail, content):
    (tmp_path / "dataset.json").write_text(content, encoding="utf-8")
    result = segtrail("init", tmp_path, "--yes")
    assert result.exit_code == 2
    assert "Correct it, or add --overwrite" in result.stderr


@pytest.mark.parametrize("image", ["imagesTr/" + "a" * 5000 + ".nii.gz", "a\0.nii.gz", "a\ud800.nii.gz"])
def test_init_tells_of_file_names_that_can_not_be(make_dataset, segtrail, image):
    folder = make_dataset(1)
    folder.save(training=[entry(image)])
    result = segtrail("init", folder.root, "--yes")
    assert result.exit_code == 2
    assert "has entries that can't be used" in result.stderr


@pytest.mark.parametrize("file", ["a\0b.nii.gz", "a\ud800b.nii.gz", "a\x1b[31mred\nline.nii.gz"])
@pytest.mark.parametrize("part", ["image", "label"])
def test_a_file_name_with_control_characters_is_a_finding_that_can_be_printed(findings, file, part):
    (found,) = findings({**entry("imagesTr/a.nii.gz"), part: f"imagesTr/{file}"})
    assert found.check == "entries"
    assert "holds control characters" in found.evidence
    assert f"{found.case} {found.evidence}".isprintable()


@pytest.mark.parametrize(
    "file", ["imagesTr/" + "a" * 5000 + ".nii", "a/" * 600 + "a.nii", "é" * 130 + ".nii"]
)
def test_a_file_name_longer_than_file_systems_take_is_a_finding(findings, file):
    found = findings(entry(file))
    assert ("entries", True) in [(item.check, "than file systems take" in item.evidence) for item in found]
    assert all(len(item.evidence) < 500 for item in found)


@pytest.mark.parametrize("file", ["imagesTr/a.NII.GZ", "imagesTr/a.Nii", "imagesTr/a.nii.GZ"])
def test_an_ending_in_capitals_is_told_to_be_in_lower_case(findings, file):
    (found,) = findings(entry(file))
    assert (found.check, "in lower case" in found.evidence) == ("entries", True)


UNFIT_NAMES = ["CON", "nul", "com1.scan", "LPT9", "a.", "a ", ".a", "x" * 201, "é" * 101]


@pytest.mark.parametrize("name", UNFIT_NAMES)
def test_a_case_name_that_some_file_system_does_not_take_is_a_finding(findings, name):
    by_key = findings({**entry("imagesTr/a.nii.gz"), "case": name})
    by_file = findings(entry(f"imagesTr/{name}.nii.gz"))
    assert [found.check for found in (*by_key, *by_file)] == ["entries", "entries"]
    assert by_key[0].evidence == by_file[0].evidence


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a\0", "a\ud800", "a\x85b", "   "])
def test_a_case_that_says_no_file_name_is_a_finding(findings, name):
    (found,) = findings({**entry("imagesTr/a.nii.gz"), "case": name})
    assert found.check == "entries"
    assert f"{found.case} {found.evidence}".isprintable()


def test_a_file_without_a_name_before_its_ending_is_a_finding(findings):
    (found,) = findings(entry("imagesTr/.nii.gz"))
    assert (found.check, found.case) == ("entries", None)
    assert 'the case name "" is empty' in found.evidence


@pytest.mark.parametrize("name", ["console", "la.003", "COM10", "患者甲", "x" * 200, "nullte"])
def test_other_case_names_are_sound(findings, name):
    assert findings({**entry("imagesTr/a.nii.gz"), "case": name}) == ()


def test_whole_numbers_name_cases_and_groups_and_null_says_nothing(new_dataset):
    folder = new_dataset()
    folder.save(
        training=[
            {**entry("imagesTr/a.nii.gz"), "case": 5, "group": 7},
            {**entry("imagesTr/b.nii.gz", "labelsTr/b.nii.gz"), "case": None, "group": None},
        ]
    )
    assert [(case.case, case.group) for case in read_description(folder.root).cases] == [
        ("5", "7"),
        ("b", None),
    ]


@pytest.mark.parametrize("key", ["case", "group"])
@pytest.mark.parametrize("value", [["a"], {"a": 1}, True, 5.0])
def test_other_kinds_of_case_and_group_are_findings(findings, key, value):
    (found,) = findings({**entry("imagesTr/a.nii.gz"), key: value})
    assert (found.check, found.case) == ("entries", "a")
    assert f'"{key}" is ' in found.evidence
    assert "expected text or a whole number" in found.evidence


@pytest.mark.parametrize("group", ["", "a\0", "a\ud800"])
def test_a_group_without_a_sound_name_is_a_finding(findings, group):
    (found,) = findings({**entry("imagesTr/a.nii.gz"), "group": group})
    assert (found.check, "the name of the group" in found.evidence) == ("entries", True)


def test_paths_that_differ_only_in_case_or_accents_are_one_file(findings):
    found = findings(
        {**entry("imagesTr/é.nii.gz", "labelsTr/é.nii.gz"), "case": "a"},
        {**entry("imagesTr/e\u0301.nii.gz", "labelsTr/b.nii.gz"), "case": "b"},
        {**entry("imagesTr/c.nii.gz", "LabelsTr/É.nii.gz"), "case": "c"},
    )
    assert [(item.check, item.case) for item in found] == [("entries-once", "b"), ("entries-once", "c")]


def test_a_description_by_another_name_is_read(make_dataset):
    folder = make_dataset(1)
    folder.root.joinpath("dataset.json").rename(folder.root / "fold_1.json")
    assert len(read_description(folder.root, "fold_1.json").cases) == 1


def test_names_that_differ_only_in_case_are_one_name(findings):
    (found,) = findings(entry("imagesTr/a.nii.gz"), entry("imagesTr/A.nii.gz", "labelsTr/b.nii.gz"))
    assert found.check == "entries-once"
