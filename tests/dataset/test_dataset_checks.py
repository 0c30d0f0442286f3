import nibabel
import numpy as np
import pytest

from segtrail.dataset.checks import CHECKS, check_dataset, describe_failures
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
    assert evidence(failed_checks(folder), "files-readable") == [
        (
            "case_0",
            "imagesTr/case_0.nii.gz is a link out of the data set's folder; put the file itself there",
        )
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
    assert evidence(failed_checks(folder), "geometry") == [
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
    [(2, np.uint8, "2"), (-1, np.int16, "-1"), (0.5, np.float32, "0.5"), (np.nan, np.float32, "nan")],
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


def test_a_label_stored_as_float_passes(folder, failed_checks):
    folder.add_case("float", image(), label().astype(np.float64))
    assert failed_checks(folder) == {}


def test_identical_images_are_a_warning_that_does_not_stop_training(folder, failed_checks):
    folder.add_case(
        "copy", nibabel.load(folder.root / "imagesTr/case_1.nii.gz").get_fdata(), label((20, 18, 14))
    )
    failed = failed_checks(folder)
    assert evidence(failed, "duplicate-images") == [("case_1", "case_1, copy hold the same voxels")]
    assert not failed["duplicate-images"].stops_training


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
    from segtrail.dataset.scan import scan_dataset

    heard = []
    scan_dataset(read_description(folder.root), 0.1, on_case=heard.append)
    assert sorted(heard) == ["case_0", "case_1"]
