import nibabel
import numpy as np
import pytest

from segtrail.dataset.checking.checks import CHECKS, check_dataset, describe_failures
from segtrail.dataset.description import read_description

SHAPE = (12, 10, 8)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def image(shape=SHAPE):
    return np.random.default_rng(1).random(shape).astype(np.float32)


def label(shape=SHAPE):
    labels = np.zeros(shape, np.uint8)
    labels[3:6, 3:6, 3:6] = 1
    return labels


@pytest.fixture
def folder(make_dataset):
    """A data set of two sound cases."""
    return make_dataset(2)


def evidence(failed, check):
    return [(finding.case, finding.evidence) for finding in failed[check].findings]


def test_a_sound_data_set_passes_every_check(folder, scan):
    results = check_dataset(read_description(folder.root), scan(folder))
    assert [result.check.id for result in results] == [check.id for check in CHECKS]
    assert all(result.passed for result in results)
    assert describe_failures(results) == ""


def test_a_missing_file_is_found(folder, failed_checks):
    folder.root.joinpath("labelsTr/case_1.nii.gz").unlink()
    failed = failed_checks(folder)
    assert list(failed) == ["files-readable"]
    ((case, sentence),) = evidence(failed, "files-readable")
    assert case == "case_1"
    assert "labelsTr/case_1.nii.gz" in sentence
    assert sentence.endswith("is not there")


@pytest.mark.requirement("DAT-01")
@pytest.mark.parametrize("part", ["imagesTr", "labelsTr"])
def test_a_file_damaged_near_its_end_is_found(folder, failed_checks, part):
    path = folder.root / part / "case_0.nii.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)
    failed = failed_checks(folder)
    assert list(failed) == ["files-readable"]
    ((_, sentence),) = evidence(failed, "files-readable")
    assert "damaged" in sentence
    assert f"{part}/case_0.nii.gz" in sentence


@pytest.mark.skipif("not hasattr(__import__('os'), 'getuid')")
def test_a_link_that_leads_out_of_the_folder_is_found(folder, failed_checks, tmp_path):
    path = folder.root / "imagesTr" / "case_0.nii.gz"
    path.rename(tmp_path / "elsewhere.nii.gz")
    path.symlink_to(tmp_path / "elsewhere.nii.gz")
    assert evidence(failed_checks(folder), "files-inside") == [
        ("case_0", "imagesTr/case_0.nii.gz is a link out of the data set's folder")
    ]


def test_more_channels_than_named_are_found(folder, failed_checks):
    folder.add_case("two", image((*SHAPE, 2)), label())
    found = evidence(failed_checks(folder), "dimensions")
    assert found == [("two", "imagesTr/two.nii.gz has 2 channels; dataset.json names 1")]


def test_fewer_channels_than_named_are_found(folder, failed_checks):
    folder.save(modality={"0": "T1", "1": "T2"})
    found = evidence(failed_checks(folder), "dimensions")
    assert found[0] == ("case_0", "imagesTr/case_0.nii.gz has 1 channels; dataset.json names 2")


def test_channels_as_named_pass(new_dataset, failed_checks):
    folder = new_dataset()
    folder.add_case("two", image((*SHAPE, 2)), label())
    folder.save(modality={"0": "T1", "1": "T2"})
    assert failed_checks(folder) == {}


def test_channels_in_one_file_each_are_read_as_one_image(folder, scan):
    for channel in range(2):
        folder.write_volume(f"imagesTr/two_000{channel}.nii.gz", image() + channel, AFFINE)
    folder.write_volume("labelsTr/two.nii.gz", label(), AFFINE)
    files = ["imagesTr/two_0000.nii.gz", "imagesTr/two_0001.nii.gz"]
    folder.save(
        training=[{"image": files, "label": "labelsTr/two.nii.gz", "case": "two"}],
        modality={"0": "T1", "1": "T2"},
    )
    (found,) = scan(folder)
    assert found.findings == ()
    assert found.image.files == tuple(files)
    assert len(found.intensity_percentiles) == 2


def test_channels_on_other_grids_are_found(folder, failed_checks):
    folder.write_volume("imagesTr/two_0000.nii.gz", image(), AFFINE)
    folder.write_volume("imagesTr/two_0001.nii.gz", image((12, 10, 9)), AFFINE)
    folder.write_volume("labelsTr/two.nii.gz", label(), AFFINE)
    files = ["imagesTr/two_0000.nii.gz", "imagesTr/two_0001.nii.gz"]
    folder.save(training=[{"image": files, "label": "labelsTr/two.nii.gz", "case": "two"}])
    ((case, sentence),) = evidence(failed_checks(folder), "dimensions")
    assert case == "two"
    assert "imagesTr/two_0000.nii.gz is 12x10x8 voxels, imagesTr/two_0001.nii.gz 12x10x9" in sentence


def test_a_label_map_with_channels_and_a_flat_image_are_found(folder, failed_checks):
    folder.add_case("many", image(), np.stack([label(), label()], axis=-1))
    folder.add_case("flat", image((12, 10, 1)), np.ones((12, 10, 1), np.uint8))
    assert evidence(failed_checks(folder), "dimensions") == [
        ("many", "labelsTr/many.nii.gz has 2 channels; a label map has one"),
        ("flat", "imagesTr/flat.nii.gz is 12x10x1 voxels; expected a volume"),
    ]


def test_an_affine_that_places_no_voxel_is_found(folder, failed_checks):
    header = nibabel.Nifti1Image(image(), AFFINE)
    header.header["sform_code"], header.header["srow_z"] = 1, 0
    header.header["qform_code"] = 0
    content = bytearray(header.to_bytes())
    content[312:328] = bytes(16)  # srow_z
    folder.add_case("flat", image(), label(), suffix=".nii")
    folder.root.joinpath("imagesTr/flat.nii").write_bytes(content)
    found = evidence(failed_checks(folder), "affine")
    assert [case for case, _ in found] == ["flat"]
    assert "can't be inverted" in found[0][1]


def test_image_and_label_of_other_shapes_are_found(folder, failed_checks):
    folder.add_case("short", image(), label((12, 10, 9)))
    assert evidence(failed_checks(folder), "shape") == [
        ("short", "the image is 12x10x8 voxels, the label 12x10x9")
    ]


def test_image_and_label_of_other_orientations_are_found(folder, failed_checks):
    folder.add_case("turned", image(), label(), label_affine=np.diag([-1.0, 1.0, 2.0, 1.0]))
    assert evidence(failed_checks(folder), "geometry") == [("turned", "the image lies RAS, the label LAS")]


def test_image_and_label_of_other_spacings_are_found(folder, failed_checks):
    folder.add_case("coarse", image(), label(), label_affine=np.diag([1.0, 1.0, 2.5, 1.0]))
    assert evidence(failed_checks(folder), "geometry") == [
        ("coarse", "image and label lie up to 3.5 mm apart; 0.1 mm are tolerated")
    ]


@pytest.mark.parametrize(("tolerance_mm", "passes"), [(0.24, False), (0.26, True)])
def test_a_shift_passes_only_below_the_tolerance(folder, failed_checks, tolerance_mm, passes):
    shifted = AFFINE.copy()
    shifted[1, 3] = 0.25
    folder.add_case("shifted", image(), label(), label_affine=shifted)
    assert ("geometry" not in failed_checks(folder, tolerance_mm)) == passes


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_intensities_that_are_not_finite_are_counted(folder, failed_checks, value):
    damaged = image()
    damaged[0, 0, :3] = value
    folder.add_case("holes", damaged, label())
    assert evidence(failed_checks(folder), "finite") == [
        ("holes", "imagesTr/holes.nii.gz holds 3 voxels that are NaN or infinite")
    ]


@pytest.mark.parametrize(
    ("value", "dtype", "shown"),
    [(2, np.uint8, "2"), (-1, np.int16, "-1"), (300, np.int16, "300"), (np.nan, np.float32, "nan")],
)
def test_a_label_value_that_is_not_named_is_found(folder, failed_checks, value, dtype, shown):
    labels = label().astype(dtype)
    labels[0, 0, 0] = value
    folder.add_case("odd", image(), labels)
    assert evidence(failed_checks(folder), "label-values") == [
        ("odd", f"labelsTr/odd.nii.gz holds {shown}; dataset.json names 0, 1")
    ]


def test_an_empty_label_map_is_found(folder, failed_checks):
    folder.add_case("empty", image(), np.zeros(SHAPE, np.uint8))
    assert evidence(failed_checks(folder), "label-empty") == [
        ("empty", "labelsTr/empty.nii.gz marks no voxel of any class")
    ]


def test_a_fractional_label_is_found(folder, failed_checks):
    labels = label().astype(np.float32)
    labels[0, 0, 0] = 0.5
    folder.add_case("soft", image(), labels)
    failed = failed_checks(folder)
    assert list(failed) == ["label-fractional"]
    assert evidence(failed, "label-fractional") == [
        ("soft", "labelsTr/soft.nii.gz holds 0.5; a label is a whole number")
    ]


def test_a_map_of_probabilities_for_a_label_is_answered_at_once(folder, failed_checks):
    soft = np.random.default_rng(0).random((64, 64, 64)).astype(np.float32)
    folder.add_case("soft", image((64, 64, 64)), soft)
    ((_, sentence),) = evidence(failed_checks(folder), "label-fractional")
    assert "more values; a label is a whole number" in sentence


def test_labels_that_are_not_finite_are_no_whole_numbers(folder, failed_checks):
    labels = label().astype(np.float32)
    labels[0, 0, 0] = np.inf
    folder.add_case("odd", image(), labels)
    assert list(failed_checks(folder)) == ["label-values"]


def test_a_class_that_one_label_map_lacks_is_a_note(folder, failed_checks):
    folder.save(labels={"0": "background", "1": "ball", "2": "rare"})
    both = label()
    both[7:9, 7:9, 6] = 2
    folder.add_case("both", image(), both)
    failed = failed_checks(folder)
    assert evidence(failed, "label-absent") == [
        ("case_0", "labelsTr/case_0.nii.gz marks no voxel of rare"),
        ("case_1", "labelsTr/case_1.nii.gz marks no voxel of rare"),
    ]
    assert failed["label-absent"].severity == "note"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((12, 10), np.float32), "has 2 dimensions"),
        (np.zeros((12, 10, 8, 2, 2), np.float32), "has 5 dimensions"),
        (np.zeros(SHAPE, np.complex64), "complex numbers"),
        (np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
    ],
    ids=["2D", "5D", "complex", "RGB"],
)
def test_what_is_no_volume_of_real_numbers_is_a_matter_of_dimensions(folder, failed_checks, data, words):
    folder.add_case("odd", data, label())
    failed = failed_checks(folder)
    assert list(failed) == ["dimensions"]
    assert words in evidence(failed, "dimensions")[0][1]


def test_whole_numbers_stored_as_float_are_a_warning(folder, failed_checks):
    folder.add_case("float", image(), label().astype(np.float64))
    failed = failed_checks(folder)
    assert list(failed) == ["label-float"]
    assert evidence(failed, "label-float") == [
        ("float", "labelsTr/float.nii.gz is stored as float64, though it holds whole numbers")
    ]
    assert failed["label-float"].severity == "warning"


@pytest.mark.parametrize(
    ("axis", "where", "side"),
    [
        *((0, slice(0, 3), "left"), (0, slice(9, 12), "right"), (1, slice(0, 3), "posterior")),
        *((1, slice(7, 10), "anterior"), (2, slice(0, 3), "inferior"), (2, slice(5, 8), "superior")),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_label_at_the_border_is_found_with_its_side(folder, failed_checks, axis, where, side, turned):
    labels = np.zeros(SHAPE, np.uint8)
    labels[tuple(where if place == axis else slice(3, 5) for place in range(3))] = 1
    affine = AFFINE.copy()
    if turned:
        labels, affine[0, 0], affine[0, 3] = labels[::-1], -1, 11
    folder.add_case("edge", image(), labels, affine)
    assert evidence(failed_checks(folder), "label-border") == [
        ("edge", f"ball touches the border of the image on the {side} side")
    ]


def test_several_parts_of_a_class_are_found_with_their_sizes(folder, failed_checks):
    labels = label()
    labels[9, 8, 6] = labels[1, 8, 1] = labels[1, 8, 2] = 1
    folder.add_case("parts", image(), labels)
    assert evidence(failed_checks(folder), "label-parts") == [
        ("parts", "ball lies in 3 parts: the largest of 0.054 mL, then 2, 1 voxels")
    ]


def test_parts_that_touch_at_a_corner_are_one(folder, failed_checks):
    labels = label()
    labels[6, 6, 6] = 1
    folder.add_case("corner", image(), labels)
    assert failed_checks(folder) == {}


def test_affines_of_one_header_that_disagree_are_found(folder, failed_checks):
    volume = nibabel.Nifti1Image(image(), AFFINE)
    volume.set_sform(AFFINE, 1)
    moved = AFFINE.copy()
    moved[0, 3] = 3.0
    volume.set_qform(moved, 1)
    folder.add_case("two", image(), label(), suffix=".nii")
    folder.root.joinpath("imagesTr/two.nii").write_bytes(volume.to_bytes())
    assert evidence(failed_checks(folder), "qform-sform") == [
        ("two", "imagesTr/two.nii: qform and sform lie up to 3 mm apart; the sform is used")
    ]


@pytest.mark.parametrize(
    ("quaternion", "codes", "words"),
    [(1.5, (1, 1), "the qform is damaged"), (0.0, (0, 0), "neither qform nor sform")],
)
def test_headers_that_do_not_place_the_voxels_well_are_found(folder, failed_checks, quaternion, codes, words):
    volume = nibabel.Nifti1Image(image(), AFFINE)
    content = bytearray(volume.to_bytes())
    content[252:256] = np.array(codes, "<i2").tobytes()
    content[256:260] = np.array([quaternion], "<f4").tobytes()
    folder.add_case("odd", image(), label(), suffix=".nii")
    for part in ("imagesTr", "labelsTr"):
        folder.root.joinpath(part, "odd.nii").write_bytes(content)
    assert words in evidence(failed_checks(folder), "qform-sform")[0][1]


def test_files_that_the_description_does_not_name_are_a_note(folder, failed_checks):
    folder.root.joinpath("imagesTr/._case_0.nii.gz").write_bytes(b"\0\5\x16\7")
    failed = failed_checks(folder)
    assert evidence(failed, "stray-files") == [
        (None, "imagesTr holds files that dataset.json does not name: ._case_0.nii.gz")
    ]
    assert failed["stray-files"].severity == "note"


def test_images_of_the_test_set_are_no_strays(folder, failed_checks):
    folder.write_volume("imagesTr/new.nii.gz", image())
    folder.save(test=["./imagesTr/new.nii.gz"])
    assert failed_checks(folder) == {}


@pytest.mark.requirement("DAT-01")
def test_all_problems_are_told_at_once_with_what_to_do(folder, scan):
    folder.add_case("empty", image(), np.zeros(SHAPE, np.uint8))
    folder.add_case("short", np.full(SHAPE, np.nan, np.float32), label((12, 10, 9)))
    folder.root.joinpath("imagesTr/case_0.nii.gz").unlink()
    text = describe_failures(check_dataset(read_description(folder.root), scan(folder)))
    for line in (
        "Files are there and readable to the last byte: no (files-readable).",
        "case_0.nii.gz is not there.",
        "  short: the image is 12x10x8 voxels, the label 12x10x9.",
        "  short: imagesTr/short.nii.gz holds 960 voxels that are NaN or infinite.",
        "  empty: labelsTr/empty.nii.gz marks no voxel of any class.",
        "  What to do: Draw the label, or take the case out of dataset.json.",
    ):
        assert line in text


def test_every_case_is_announced_once(folder):
    from segtrail.dataset.description import read_description
    from segtrail.dataset.reading.scan import scan_dataset

    heard = []
    scan_dataset(read_description(folder.root), 0.1, on_case=heard.append)
    assert sorted(heard) == ["case_0", "case_1"]
