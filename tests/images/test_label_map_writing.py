import nibabel
import numpy as np
import pytest

from segtrail.images.nifti import read_volume, write_label_map
from segtrail.images.nifti_header import Placement

OBLIQUE = np.array(
    [[-1.2, 0.1, 0.3, 90.5], [0.1, -1.2, 0.0, 12.25], [0.2, 0.05, 2.9, -310.0], [0.0, 0.0, 0.0, 1.0]]
)


SCANNER = np.diag([-0.7, 1.3, 2.5, 1.0])


def random_labels(highest=3):
    labels = np.random.default_rng(0).integers(0, highest, size=(9, 8, 7))
    labels[0, 0, 0] = highest
    return labels


def test_the_same_labels_give_the_same_bytes_under_any_name_and_at_any_time(tmp_path, monkeypatch):
    write_label_map(tmp_path / "first.nii.gz", random_labels(), Placement.of_affine(OBLIQUE))
    monkeypatch.setattr("time.time", lambda: 4e9)
    write_label_map(
        tmp_path / "second.nii.gz", random_labels().astype(np.uint8), Placement.of_affine(OBLIQUE)
    )
    assert (tmp_path / "first.nii.gz").read_bytes() == (tmp_path / "second.nii.gz").read_bytes()


@pytest.mark.parametrize(("highest", "dtype"), [(1, np.uint8), (255, np.uint8), (256, np.uint16)])
def test_nibabel_reads_the_labels_and_the_affine_back(tmp_path, highest, dtype):
    write_label_map(tmp_path / "labels.nii.gz", random_labels(highest), Placement.of_affine(OBLIQUE))
    image = nibabel.load(tmp_path / "labels.nii.gz")
    assert image.get_data_dtype() == dtype
    np.testing.assert_array_equal(np.asarray(image.dataobj), random_labels(highest))
    np.testing.assert_allclose(image.affine, OBLIQUE, rtol=1e-6, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_our_own_reader_reads_it_back(tmp_path):
    write_label_map(tmp_path / "labels.nii.gz", random_labels(), Placement.of_affine(OBLIQUE))
    np.testing.assert_array_equal(read_volume(tmp_path / "labels.nii.gz").data[0], random_labels())


def test_an_affine_read_from_a_file_is_written_without_a_change(tmp_path):
    write_label_map(tmp_path / "first.nii.gz", random_labels(), Placement.of_affine(OBLIQUE))
    first = read_volume(tmp_path / "first.nii.gz")
    write_label_map(tmp_path / "second.nii.gz", random_labels(), first.placement)
    np.testing.assert_array_equal(read_volume(tmp_path / "second.nii.gz").affine, first.affine)


def test_an_empty_label_map_is_written_too(tmp_path):
    write_label_map(
        tmp_path / "labels.nii.gz", np.zeros((4, 4, 4), dtype=np.int64), Placement.of_affine(OBLIQUE)
    )
    assert not read_volume(tmp_path / "labels.nii.gz").data.any()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.nii.gz"
    write_label_map(path, random_labels(), Placement.of_affine(OBLIQUE))
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_label_map(path, random_labels(7), Placement.of_affine(OBLIQUE))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 3), (0, 0)])
def test_both_affines_of_an_image_are_copied_with_their_codes(tmp_path, kind, codes):
    image = kind(np.ones((4, 5, 6), np.float32), None)
    image.header.set_zooms((0.7, 1.3, 2.5))
    image.header.set_sform(OBLIQUE, codes[0])
    image.header.set_qform(SCANNER, codes[1])
    (tmp_path / "image.nii").write_bytes(image.to_bytes())
    write_label_map(
        tmp_path / "labels.nii.gz",
        np.ones((4, 5, 6), np.uint8),
        read_volume(tmp_path / "image.nii").placement,
    )
    written = nibabel.load(tmp_path / "labels.nii.gz")
    read = nibabel.load(tmp_path / "image.nii")
    assert type(written) is type(read)
    assert (int(written.header["sform_code"]), int(written.header["qform_code"])) == codes
    np.testing.assert_array_equal(written.affine, read.affine)
    np.testing.assert_array_equal(written.get_qform(), read.get_qform())
    np.testing.assert_array_equal(written.get_sform(), read.get_sform())
