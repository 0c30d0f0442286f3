"""Images that are one image, or nearly, and their labels."""

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from segtrail.dataset.checking import duplicates
from segtrail.dataset.checking.near_duplicates import find_near_duplicates
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.quick_look import take_quick_look
from segtrail.dataset.reading.scan import CaseScan, FileFacts
from segtrail.images.nifti import Placement, Volume

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def read(folder, file):
    return np.asarray(nibabel.load(folder.root / file).dataobj)


def evidence(failed, check):
    return [(finding.cases, finding.evidence) for finding in failed[check].findings]


def seen(name, data):
    """Return the scan of an image that was never written."""
    data = np.asarray(data, dtype=np.float32)
    view = take_quick_look(Volume(data[None], AFFINE, "float32", "", Placement.of_affine(AFFINE)), None)
    facts = FileFacts((), "", name, "float32", data.shape, (1.0, 1.0, 2.0), "RAS", ())
    return CaseScan(name, None, facts, None, (), {}, (), quick_look=view)


def alike(**images):
    return [finding.cases for finding in find_near_duplicates([seen(*item) for item in images.items()])]


def texture(seed, shape=(48, 48, 32), smoothness=2.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), smoothness)
    return noise / noise.std()


def ellipsoid(seed, shape=(48, 48, 32), share=0.8):
    """Return a body that differs from others by a few per cent in size and place."""
    rng = np.random.default_rng(seed)
    half = np.array(shape)[:, None, None, None] / 2
    centre = half + rng.normal(0, 0.3, half.shape)
    return (((np.indices(shape) - centre) / (share * half * rng.normal(1, 0.03, half.shape))) ** 2).sum(
        axis=0
    ) < 1


def stripped_brain(seed):
    return ellipsoid(seed) * (1000 + 150 * texture(seed))


def padded_ct(seed):
    shape = (64, 64, 48)
    x, y, _ = np.indices(shape)
    body = np.where(ellipsoid(seed, shape, share=0.7), 40 + 150 * texture(seed, shape, 3.0), -1000)
    return np.where((x - 31.5) ** 2 + (y - 31.5) ** 2 < 32**2, body, -3024)


ALTERATIONS = {
    "noise": lambda image: image + np.random.default_rng(0).normal(0, 0.3 * image.std(), image.shape),
    "scale": lambda image: 1.3 * image + 12,
    "gamma": lambda image: ((image - image.min()) / np.ptp(image)) ** 0.8,
    "few grey levels": lambda image: np.round((image - image.min()) / np.ptp(image) * 60),
    "half the voxels": lambda image: ndimage.zoom(image, 0.5, order=1, grid_mode=True, mode="nearest"),
}


@pytest.mark.parametrize("kind", [texture, stripped_brain, padded_ct])
@pytest.mark.parametrize("alteration", list(ALTERATIONS))
def test_an_altered_copy_is_found_and_nothing_else(kind, alteration):
    images = {f"c{number}": kind(number) for number in range(8)}
    assert alike(**images, copy=ALTERATIONS[alteration](images["c3"])) == [("c3", "copy")]


def test_where_all_images_are_alike_only_copies_stand_out():
    common = texture(0)
    images = {f"c{number}": common + 0.3 * texture(1 + number) for number in range(10)}
    assert alike(**images) == []
    assert alike(**images, copy=ALTERATIONS["scale"](images["c3"])) == [("c3", "copy")]


def test_many_copies_of_few_images_are_one_finding_for_each_image():
    scans = [seen(f"c{number}", texture(number % 3) + 0.05 * texture(10 + number)) for number in range(30)]
    found = find_near_duplicates(scans)
    assert [finding.cases for finding in found] == [
        tuple(f"c{number}" for number in range(first, 30, 3)) for first in range(3)
    ]
    assert found[0].evidence.startswith(
        "c0, c3, c6, c9, c12, c15, c18 and 3 more look alike: correlation up to 0.9"
    )


def test_copies_are_found_however_far_apart_they_stand():
    rng = np.random.default_rng(0)
    scans = [seen(f"c{number}", rng.normal(size=(16, 16, 16))) for number in range(600)]
    scans.append(seen("copy", scans[0].quick_look.coarse * 2 + 1))
    assert [finding.cases for finding in find_near_duplicates(scans)] == [("c0", "copy")]


def test_images_of_the_same_voxels_are_one_member_of_a_group():
    scan, altered = seen("original", texture(0)), seen("altered", texture(0) * 2)
    twin = CaseScan("twin", None, scan.image, None, (), {}, (), quick_look=scan.quick_look)
    assert find_near_duplicates([scan, twin]) == []
    assert [finding.cases for finding in find_near_duplicates([scan, twin, altered])] == [
        ("original", "twin", "altered")
    ]


def test_flat_images_do_not_look_alike():
    assert alike(grey=np.full((12, 10, 8), 10), white=np.full((12, 10, 8), 20)) == []


@pytest.mark.requirement("DAT-04")
def test_an_altered_copy_in_a_data_set_is_a_warning(make_dataset, failed_checks):
    folder = make_dataset(2)
    altered = read(folder, "imagesTr/case_1.nii.gz") * 1.3 + np.random.default_rng(0).normal(
        0, 1, (20, 18, 14)
    )
    folder.add_case("altered", altered.astype(np.float32))
    failed = failed_checks(folder)
    ((cases, sentence),) = evidence(failed, "near-duplicates")
    assert cases == ("case_1", "altered")
    assert sentence.startswith("case_1 and altered look alike: correlation 0.9")
    assert not failed["near-duplicates"].stops_training


def test_identical_images_are_a_warning_that_does_not_stop_training(make_dataset, failed_checks):
    folder = make_dataset(2)
    folder.add_case("copy", read(folder, "imagesTr/case_1.nii.gz"), read(folder, "labelsTr/case_1.nii.gz"))
    failed = failed_checks(folder)
    assert list(failed) == ["duplicate-images"]
    assert evidence(failed, "duplicate-images") == [
        (("case_1", "copy"), "case_1 and copy hold the same voxels")
    ]
    assert not failed["duplicate-images"].stops_training


@pytest.fixture
def readers(make_dataset):
    """Add readers of one image, each of whom marks a bar of so many voxels from one end."""

    def make(**lengths):
        folder = make_dataset(2)
        image = texture(0, (24, 8, 8)).astype(np.float32)
        for name, length in lengths.items():
            label = np.zeros(image.shape, np.uint8)
            label[1 : 1 + length, 2:4, 2:4] = 1
            folder.add_case(name, image, label)
        return folder

    return make


def test_two_labels_of_one_image_are_told_with_their_dice(readers, failed_checks):
    folder = readers(anna=10, bert=6)
    assert evidence(failed_checks(folder), "duplicate-labels") == [
        (("anna", "bert"), "anna and bert are one image with different labels; Dice between them: ball 0.750")
    ]


def test_three_labels_of_one_image_are_told_pair_by_pair(readers, failed_checks):
    folder = readers(anna=10, bert=6, cleo=2)
    ((cases, sentence),) = evidence(failed_checks(folder), "duplicate-labels")
    assert cases == ("anna", "bert", "cleo")
    assert sentence.endswith("ball 0.750 (anna, bert), 0.333 (anna, cleo), 0.500 (bert, cleo)")


def test_more_labels_of_one_image_are_told_from_the_least_to_the_largest_dice(readers, failed_checks):
    folder = readers(anna=10, bert=6, cleo=2, dora=10, emil=5)
    ((cases, sentence),) = evidence(failed_checks(folder), "duplicate-labels")
    assert cases == ("anna", "bert", "cleo", "dora", "emil")
    assert sentence == (
        "anna, bert, cleo and emil are one image with different labels; Dice between them: ball 0.333 to 0.909"
    )


def test_each_distinct_label_is_read_once_and_only_the_first_twenty(readers, scan, monkeypatch):
    folder = readers(**{f"r{number}": 1 + number % 22 for number in range(30)})
    scans, read_files = scan(folder), []
    original = duplicates.read_volume
    monkeypatch.setattr(
        duplicates, "read_volume", lambda path: read_files.append(path.name) or original(path)
    )
    found = duplicates.find_duplicates(read_description(folder.root), scans)
    assert read_files == [f"r{number}.nii.gz" for number in range(20)]
    assert "Dice between them (the first 20 of 22): ball 0.095 to 0.974" in found[-1].evidence


def test_a_label_that_went_meanwhile_is_left_out(readers, scan):
    folder = readers(anna=10, bert=6)
    scans = scan(folder)
    folder.root.joinpath("labelsTr/bert.nii.gz").unlink()
    found = duplicates.find_duplicates(read_description(folder.root), scans)
    assert [finding.check for finding in found] == ["duplicate-images"]
