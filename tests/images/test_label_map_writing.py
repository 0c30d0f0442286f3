import nibabel
import numpy as np
import pytest

from segtrail.images.nifti import read_volume, write_label_map

OBLIQUE = np.array(
    [[-1.2, 0.1, 0.3, 90.5], [0.1, -1.2, 0.0, 12.25], [0.2, 0.05, 2.9, -310.0], [0.0, 0.0, 0.0, 1.0]]
)


def random_labels(highest=3):
    labels = np.random.default_rng(0).integers(0, highest, size=(9, 8, 7))
    labels[0, 0, 0] = highest
    return labels


def test_the_same_labels_give_the_same_bytes_under_any_name_and_at_any_time(tmp_path, monkeypatch):
    write_label_map(tmp_path / "first.nii.gz", random_labels(), OBLIQUE)
    monkeypatch.setattr("time.time", lambda: 4e9)
    write_label_map(tmp_path / "second.nii.gz", random_labels().astype(np.uint8), OBLIQUE)
    assert (tmp_path / "first.nii.gz").read_bytes() == (tmp_path / "second.nii.gz").read_bytes()


@pytest.mark.parametrize(("highest", "dtype"), [(1, np.uint8), (255, np.uint8), (256, np.uint16)])
def test_nibabel_reads_the_labels_and_the_affine_back(tmp_path, highest, dtype):
    write_label_map(tmp_path / "labels.nii.gz", random_labels(highest), OBLIQUE)
    image = nibabel.load(tmp_path / "labels.nii.gz")
    assert image.get_data_dtype() == dtype
    np.testing.assert_array_equal(np.asarray(image.dataobj), random_labels(highest))
    np.testing.assert_allclose(image.affine, OBLIQUE, rtol=1e-6, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_our_own_reader_reads_it_back(tmp_path):
    write_label_map(tmp_path / "labels.nii.gz", random_labels(), OBLIQUE)
    np.testing.assert_array_equal(read_volume(tmp_path / "labels.nii.gz").data[0], random_labels())


def test_an_affine_read_from_a_file_is_written_without_a_change(tmp_path):
    write_label_map(tmp_path / "first.nii.gz", random_labels(), OBLIQUE)
    affine = read_volume(tmp_path / "first.nii.gz").affine
    write_label_map(tmp_path / "second.nii.gz", random_labels(), affine)
    np.testing.assert_array_equal(read_volume(tmp_path / "second.nii.gz").affine, affine)


def test_an_empty_label_map_is_written_too(tmp_path):
    write_label_map(tmp_path / "labels.nii.gz", np.zeros((4, 4, 4), dtype=np.int64), OBLIQUE)
    assert not read_volume(tmp_path / "labels.nii.gz").data.any()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.nii.gz"
    write_label_map(path, random_labels(), OBLIQUE)
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_label_map(path, random_labels(7), OBLIQUE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
