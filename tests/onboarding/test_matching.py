"""Images and labels are matched by their names, whatever the layout; what is not clear is listed."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.errors import InputError
from segtrail.onboarding.found_cases import cases_of
from segtrail.onboarding.matching import match_by_name
from segtrail.onboarding.words import IMAGE_WORDS, LABEL_WORDS, tokens_of


def match(*names, **options):
    return cases_of(match_by_name([PurePosixPath(f"{name}.nii.gz") for name in names], **options))


def matched(*names, **options):
    return {
        case.case: ("+".join(map(stem, case.images)), stem(case.label))
        for case in match(*names, **options).cases
    }


def stem(file):
    return file.removesuffix(".nii.gz")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/{}", "labels/{}"),
        ("imagesTr/{}", "labelsTr/{}"),
        ("img/{}", "seg/{}"),
        ("CT scans/{}", "Ground_Truth/{}"),
        ("volumes/{}", "manual segmentations/{}"),
        ("site/images/{}", "site/labels/{}"),
        ("{}", "masks/{}"),
        ("{}", "{}_seg"),
        ("{}", "{}-mask"),
        ("{}", "{}.label"),
        ("{}", "{}_GT"),
        ("{}", "seg_{}"),
        ("{}_image", "{}_label"),
        ("img_{}", "mask_{}"),
        ("images/{}_t1", "labels/{}"),
        ("images/{}", "images/{}_seg"),
        ("images/{}", "labels/{}_final"),
        ("images/{}_ct", "labels/{}_seg"),
        ("imagesVa/{}", "labelsVa/{}"),
        ("{}", "{}_msk"),
        ("{}", "{}_ground_truth"),
        ("{}/scan", "{}/ground"),
        ("{}/ct", "{}/segmentations/liver"),
        ("{}/image", "{}/label"),
        ("{}/t1", "{}/seg"),
        ("{}/image", "{}/liver_mask"),
        ("{}/{}_flair", "{}/{}_seg"),
    ],
)
def test_a_layout_is_understood(image, label):
    cases = ("patient_1", "patient_10", "patient_2")
    names = [pattern.replace("{}", case) for case in cases for pattern in (image, label)]
    assert matched(*names) == {case: (image.replace("{}", case), label.replace("{}", case)) for case in cases}


CASE_NAME = st.text(st.characters(categories=["L", "Nd"], include_characters="-_ "), min_size=1, max_size=12)


def is_plain(name):
    """Whether a name has none of the words that tell images from labels, nor separators at its ends."""
    return not set(tokens_of(name)) & (LABEL_WORDS | IMAGE_WORDS) and name == name.strip("-_ ") and name


@given(st.sets(CASE_NAME, min_size=1, max_size=6), st.sampled_from(["images {}", "imagesTr {}", "scans {}"]))
def test_any_names_in_folders_of_images_and_labels_are_matched_back(names, folders):
    folder = folders.removesuffix(" {}")
    files = [f"{place}/{name}" for name in names for place in (folder, "labels")]
    found = match_by_name([PurePosixPath(f"{file}.nii.gz") for file in files])
    assert {(stem(str(pair.images[0])), stem(str(pair.label))) for pair in found.pairs} == {
        (f"{folder}/{name}", f"labels/{name}") for name in names
    }
    assert not (found.ambiguities or found.images_alone or found.labels_alone)


@given(
    st.sets(CASE_NAME.filter(is_plain), min_size=1, max_size=6),
    st.sampled_from([("{}", "{}_seg"), ("{}", "mask-{}"), ("{}/image", "{}/label"), ("{}_img", "{}_gt")]),
)
def test_any_plain_names_in_another_layout_are_matched_back(names, layout):
    image, label = layout
    files = [pattern.replace("{}", name) for name in names for pattern in layout]
    found = match_by_name([PurePosixPath(f"{file}.nii.gz") for file in files])
    assert {(stem(str(pair.images[0])), stem(str(pair.label))) for pair in found.pairs} == {
        (image.replace("{}", name), label.replace("{}", name)) for name in names
    }


def test_a_subject_with_several_scans_is_a_group():
    files = [
        *("sub-01/ses-1/anat/sub-01_ses-1_T1w", "derivatives/manual/sub-01/ses-1/anat/sub-01_ses-1_T1w_dseg"),
        *("sub-01/ses-2/anat/sub-01_ses-2_T1w", "derivatives/manual/sub-01/ses-2/anat/sub-01_ses-2_T1w_dseg"),
        *("sub-02/anat/sub-02_T1w", "derivatives/manual/sub-02/anat/sub-02_T1w_seg"),
    ]
    groups = {case.case: case.group for case in match(*files).cases}
    assert groups == {"sub-01_ses-1_T1w": "sub-01", "sub-01_ses-2_T1w": "sub-01", "sub-02_T1w": None}


def test_scans_that_share_a_patients_folder_are_a_group():
    scans = ("p1/p1_frame01", "p1/p1_frame12", "p2/p2_frame01", "p2/p2_frame14", "p3/p3_frame01")
    cases = match(*scans, *(f"{scan}_gt" for scan in scans)).cases
    assert [case.group for case in cases] == ["p1", "p1", "p2", "p2", None]


def test_patients_folders_of_one_name_at_two_sites_are_two_groups():
    scans = [f"{site}/p1/{scan}" for site in ("bonn", "leeds") for scan in ("a", "b")]
    cases = match(*scans, *(f"{scan}_seg" for scan in scans)).cases
    assert [case.group for case in cases] == ["bonn_p1", "bonn_p1", "leeds_p1", "leeds_p1"]


@pytest.mark.parametrize(
    "folders", [("train", "val"), ("site 1", "site 2"), ("imagesTr", "imagesVa"), ("ct",)]
)
def test_a_folder_that_holds_many_patients_is_no_group(folders):
    scans = [f"{folder}/{case}" for folder in folders for case in ("a", "b")]
    assert {case.group for case in match(*scans, *(f"{scan}_seg" for scan in scans)).cases} == {None}


def test_cases_of_one_name_in_two_folders_get_the_folders_name_in_front():
    files = [f"{kind}/{site}/001" for kind in ("images", "labels") for site in ("leeds", "bonn")]
    assert set(matched(*files)) == {"leeds_001", "bonn_001"}


def test_images_for_testing_are_no_cases():
    found = match("imagesTr/a", "labelsTr/a", "imagesTs/b", "labelsTs/b")
    assert [case.case for case in found.cases] == ["a"]
    assert found.unlabelled == (("imagesTs/b.nii.gz",),)
    assert not (found.images_alone or found.labels_alone)


def test_files_without_a_partner_are_listed():
    found = match("images/a", "labels/a", "images/b", "labels/c", "train/images/d", "train/labels/e")
    assert (found.images_alone, found.labels_alone) == (
        ("images/b.nii.gz", "train/images/d.nii.gz"),
        ("labels/c.nii.gz", "train/labels/e.nii.gz"),
    )


@pytest.mark.parametrize(
    ("files", "named", "option"),
    [
        (["a", "a_seg1", "a_seg2"], ["a_seg1", "a_seg2"], "--labels"),
        (["images/a", "labels/a", "labels/a_seg"], ["labels/a", "labels/a_seg"], "--labels"),
        (["a/ct", "a/segmentations/liver", "a/segmentations/spleen"], ["a/segmentations/spleen"], "--labels"),
        (["a/t1", "a/t2", "a/seg"], ["a/t1", "a/t2"], "--images"),
        (["a_t1", "a_t2", "a_seg"], ["a_t1", "a_t2"], "--channels"),
        (["images/a", "images/a_img", "labels/a"], ["images/a", "images/a_img"], "--images"),
    ],
)
def test_what_is_not_clear_is_listed_and_not_guessed(files, named, option):
    with pytest.raises(InputError) as caught:
        match(*files)
    assert all(f"{file}.nii.gz" in str(caught.value) for file in named)
    assert option in str(caught.value)


def test_a_pattern_says_which_labels_to_take():
    assert matched("a", "a_seg1", "a_seg2", labels="*_seg2.nii.gz") == {"a": ("a", "a_seg2")}


def test_patterns_pair_files_of_different_names_in_a_patients_folder():
    files = [f"s{n}/{file}" for n in (1, 2) for file in ("ct", "segmentations/liver", "segmentations/spleen")]
    assert matched(*files, images="*/ct.nii.gz", labels="*/liver.nii.gz") == {
        f"s{n}": (f"s{n}/ct", f"s{n}/segmentations/liver") for n in (1, 2)
    }


def test_a_pattern_says_which_images_to_take():
    assert matched("p/x_t1", "p/x_t2", "p/x_seg", images="**/*_t2*") == {"x": ("p/x_t2", "p/x_seg")}


def test_backslashes_in_a_pattern_are_understood():
    assert matched("ct/a", "liver/a", labels="liver\\*") == {"a": ("ct/a", "liver/a")}


def test_a_pattern_that_names_nothing_is_refused():
    with pytest.raises(InputError, match="--images 'mr/"):
        match("ct/a", "labels/a", images="mr/*")


def test_channels_are_found_by_the_ends_of_their_names():
    files = [f"{case}/{case}_{end}" for case in ("b1", "b2") for end in ("t1", "t1ce", "flair", "seg")]
    assert matched(*files, channels=("flair", "T1")) == {
        case: (f"{case}/{case}_flair+{case}/{case}_t1", f"{case}/{case}_seg") for case in ("b1", "b2")
    }


def test_a_case_that_lacks_a_channel_is_listed():
    with pytest.raises(InputError, match=r"a_t2\.nii\.gz, a_t3\.nii\.gz with a_seg"):
        match("a_t2", "a_t3", "a_seg", channels=("t1", "t2"))


def test_the_result_does_not_depend_on_the_order_of_the_files():
    files = ["images/b", "labels/b", "images/a_t1", "labels/a", "images/c"]
    assert match(*files) == match(*reversed(files))
