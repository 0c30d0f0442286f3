import numpy as np
import pytest

from segtrail.dataset.checking.duplicates import identical_images

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def image():
    return np.random.default_rng(3).integers(0, 200, size=(10, 9, 8)).astype(np.int16)


def label():
    return (image() > 100).astype(np.uint8)


@pytest.fixture
def folder(make_dataset):
    """A data set of two other cases and one called original."""
    folder = make_dataset(2)
    folder.add_case("original", image(), label(), AFFINE)
    return folder


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_one_image_is_known_under_another_name_type_and_compression(folder, scan, dtype, suffix):
    folder.add_case("copy", image().astype(dtype), 1 - label(), AFFINE, suffix=suffix)
    assert identical_images(scan(folder)) == (("original", "copy"),)


def test_one_image_is_known_when_its_axes_are_stored_in_another_order(folder, scan):
    turned = np.flip(image(), axis=0).transpose(2, 0, 1)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 2.0, -1.0, 1.0, 1.0
    folder.add_case("copy", turned, np.ones_like(turned, dtype=np.uint8), affine)
    assert identical_images(scan(folder)) == (("original", "copy"),)


def test_three_copies_are_one_group(folder, scan):
    folder.add_case("copy_1", image(), label(), AFFINE)
    folder.add_case("copy_2", image(), label(), AFFINE)
    assert identical_images(scan(folder)) == (("original", "copy_1", "copy_2"),)


def test_an_image_that_differs_in_one_voxel_is_another(folder, scan):
    changed = image()
    changed[4, 4, 4] += 1
    folder.add_case("other", changed, label(), AFFINE)
    assert identical_images(scan(folder)) == ()


def test_the_same_voxels_in_another_shape_are_another_image(folder, scan):
    folder.add_case("other", image().reshape(9, 10, 8), label().reshape(9, 10, 8), AFFINE)
    assert identical_images(scan(folder)) == ()


def test_equal_labels_do_not_make_images_equal(folder, scan):
    folder.add_case("other", image() + 1, label(), AFFINE)
    assert identical_images(scan(folder)) == ()
