import gzip
import hashlib
import os

import nibabel
import numpy as np
import pytest

from segtrail.errors import InputError
from segtrail.images.nifti import read_volume

AFFINE = np.array([[1.5, 0.1, 0, -7], [-0.1, 1.5, 0, 3], [0, 0, 3, 11], [0, 0, 0, 1]])


def small_image(dtype=np.int16, shape=(7, 6, 5)):
    values = np.random.default_rng(0).integers(0, 100, size=shape)
    return nibabel.Nifti1Image(values.astype(dtype), AFFINE)


@pytest.fixture
def packed():
    return gzip.compress(small_image().to_bytes(), mtime=0)


def read_bytes(tmp_path, content, name="image.nii.gz"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_volume(path)


@pytest.mark.filterwarnings("ignore")
def test_a_plain_file_with_any_byte_of_its_header_damaged_is_read_or_refused_in_a_sentence(tmp_path):
    """No checksum covers it, so that some damage can't be told; none may end in anything but a sentence."""
    content = small_image().to_bytes()
    refused = 0
    for position in range(352):
        for flip in (0x01, 0x7F, 0xFF):
            damaged = bytearray(content)
            damaged[position] ^= flip
            try:
                read_bytes(tmp_path, bytes(damaged), "image.nii")
            except InputError:
                refused += 1
    assert refused > 20


def test_complex_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match="complex"):
        read_bytes(tmp_path, small_image(np.complex64).to_bytes(), "image.nii")


def test_a_file_with_any_byte_damaged_is_refused_or_reads_the_same(tmp_path, packed):
    """The name, time and system fields of a gzip header carry no data, and no checksum covers them."""
    whole = read_bytes(tmp_path, packed)
    accepted = 0
    for position in range(len(packed)):
        for flip in (0x01, 0xFF):
            damaged = bytearray(packed)
            damaged[position] ^= flip
            try:
                volume = read_bytes(tmp_path, bytes(damaged))
            except InputError:
                continue
            accepted += 1
            np.testing.assert_array_equal(volume.data, whole.data)
            np.testing.assert_array_equal(volume.affine, whole.affine)
    assert accepted < 25


@pytest.mark.parametrize("position", [0, 1, 2, 40, 100, -9, -8, -5, -4, -1])
def test_a_damaged_file_is_named_in_a_sentence(tmp_path, packed, position):
    damaged = bytearray(packed)
    damaged[position] ^= 0xFF
    with pytest.raises(InputError, match=r"image\.nii\.gz is damaged: its gzip stream"):
        read_bytes(tmp_path, bytes(damaged))


def test_a_file_cut_off_anywhere_is_refused(tmp_path, packed):
    for length in range(len(packed)):
        with pytest.raises(InputError):
            read_bytes(tmp_path, packed[:length])


@pytest.mark.parametrize("garbage", [b"x", b"garbage after the end", b"\x1f\x8b", b"\0\0x"])
def test_a_file_with_garbage_after_its_end_is_refused(tmp_path, packed, garbage):
    with pytest.raises(InputError, match="damaged"):
        read_bytes(tmp_path, packed + garbage)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_packed_and_plain_files_read_alike(tmp_path, kind):
    content = kind.from_image(small_image()).to_bytes()
    packed = read_bytes(tmp_path, gzip.compress(content))
    plain = read_bytes(tmp_path, content, "image.nii")
    np.testing.assert_array_equal(packed.data, plain.data)
    np.testing.assert_array_equal(packed.affine, plain.affine)
    assert packed.stored_dtype == plain.stored_dtype == "int16"


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_values_affine_and_stored_type_are_those_of_the_file(tmp_path, dtype):
    image = small_image(dtype)
    nibabel.save(image, tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    np.testing.assert_array_equal(volume.data[0], np.asarray(image.dataobj))
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    assert volume.data.dtype == np.float32
    assert volume.stored_dtype == np.dtype(dtype).name
    assert volume.spatial_shape == (7, 6, 5)
    assert volume.file_sha256 == hashlib.sha256((tmp_path / "image.nii.gz").read_bytes()).hexdigest()


def test_the_scale_and_offset_of_the_header_are_applied(tmp_path):
    image = small_image()
    image.header.set_slope_inter(0.5, -3.0)
    content = image.to_bytes()
    stored = np.frombuffer(content[352:], dtype=np.int16).reshape((7, 6, 5), order="F")
    np.testing.assert_allclose(read_bytes(tmp_path, content, "image.nii").data[0], stored * 0.5 - 3.0)


def test_a_fourth_dimension_becomes_the_channels(tmp_path):
    image = small_image(shape=(7, 6, 5, 3))
    volume = read_bytes(tmp_path, image.to_bytes(), "image.nii")
    assert volume.data.shape == (3, 7, 6, 5)
    assert volume.spatial_shape == (7, 6, 5)
    np.testing.assert_array_equal(volume.data[2], np.asarray(image.dataobj)[..., 2])


@pytest.mark.parametrize("shape", [(7, 6), (7, 6, 5, 2, 2)])
def test_other_numbers_of_dimensions_are_refused(tmp_path, shape):
    with pytest.raises(InputError, match=rf"has {len(shape)} dimensions; expected a 3D volume"):
        read_bytes(tmp_path, small_image(shape=shape).to_bytes(), "image.nii")


@pytest.mark.parametrize("length", [0, 10, 348, 352, -1])
def test_a_plain_file_cut_off_is_refused(tmp_path, length):
    with pytest.raises(InputError, match=r"image\.nii "):
        read_bytes(tmp_path, small_image().to_bytes()[:length], "image.nii")


@pytest.mark.parametrize("content", [b"no image at all", b"\0" * 400])
def test_what_is_no_image_is_refused(tmp_path, content):
    with pytest.raises(InputError, match="header can't be understood"):
        read_bytes(tmp_path, gzip.compress(content))


def test_an_empty_file_is_called_so(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        read_bytes(tmp_path, gzip.compress(b""))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(InputError, match=r"la_003\.nii\.gz is not there"):
        read_volume(tmp_path / "la_003.nii.gz")
    with pytest.raises(InputError, match=r"folder\.nii is no ordinary file"):
        read_volume(tmp_path / "folder.nii")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "image.nii.gz")
    with pytest.raises(InputError, match="is no ordinary file"):
        read_volume(tmp_path / "image.nii.gz")


def test_a_stream_that_goes_on_behind_the_voxels_is_refused_without_keeping_it(tmp_path):
    content = small_image().to_bytes() + bytes(5_000_000)
    with pytest.raises(InputError, match="holds 5 MB more than its header says"):
        read_bytes(tmp_path, gzip.compress(content))


def test_a_little_padding_behind_the_voxels_passes(tmp_path):
    padded = read_bytes(tmp_path, gzip.compress(small_image().to_bytes() + bytes(1000)))
    np.testing.assert_array_equal(
        padded.data, read_bytes(tmp_path, gzip.compress(small_image().to_bytes())).data
    )


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_claims_more_than_a_file_can_hold_is_refused_at_once(tmp_path, packed):
    content = bytearray(small_image().to_bytes())
    content[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    name, stored = ("image.nii.gz", gzip.compress(content)) if packed else ("image.nii", bytes(content))
    with pytest.raises(InputError, match="holds fewer voxels than its header says"):
        read_bytes(tmp_path, stored, name)


def test_a_packed_file_without_its_ending_is_told_so(tmp_path):
    with pytest.raises(InputError, match=r"is packed by gzip; name it image\.nii\.gz"):
        read_bytes(tmp_path, gzip.compress(small_image().to_bytes()), "image.nii")


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("unknown", 1), ("meter", 1000), ("micron", 0.001)])
def test_the_unit_of_the_header_is_heeded_and_copied(tmp_path, unit, factor):
    from segtrail.images.nifti import write_label_map

    image = small_image()
    image.header.set_xyzt_units(unit)
    volume = read_bytes(tmp_path, image.to_bytes(), "image.nii")
    np.testing.assert_allclose(volume.affine[:3], image.affine[:3] * factor)
    write_label_map(tmp_path / "label.nii.gz", np.zeros(volume.spatial_shape, np.uint8), volume.placement)
    written = read_volume(tmp_path / "label.nii.gz")
    np.testing.assert_array_equal(written.affine, volume.affine)
