import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import nibabel
import numpy as np
import pytest

from segtrail.config.schema import PreprocessConfig
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.scan import scan_dataset
from segtrail.errors import InputError
from segtrail.preprocessing.cache import VolumeCache, median_spacing_mm

NATIVE = PreprocessConfig(spacing=(1.0, 1.0, 2.0), normalisation="none")
FACING_BACK = np.array([[0, -1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, -2.0, 0], [0, 0, 0, 1.0]])
SPAWN = multiprocessing.get_context("spawn")


def contents(case):
    return [
        np.array(case.image()),
        np.array(case.label()),
        {k: list(v) for k, v in case.foreground().items()},
    ]


def assert_whole(case):
    assert case.image().shape[1:] == case.label().shape
    for value, positions in case.foreground().items():
        np.testing.assert_array_equal(positions, np.flatnonzero(case.label() == value))


def prepare_in_process(root, cache_root, barrier=None, die_before=None):
    """Prepare ``case_0`` in a process of its own, which may be made to die in the middle."""
    description = read_description(root)
    scan = scan_dataset(description, 0.1)[0]
    if die_before:
        save = np.save

        def save_or_die(stream, array):
            if Path(stream.name).name == die_before:
                os._exit(9)
            save(stream, array)

        np.save = save_or_die
    if barrier:
        barrier.wait()
    VolumeCache(cache_root, 50.0).prepare(root, description.cases[0], scan, NATIVE)


def run_processes(*arguments):
    processes = [SPAWN.Process(target=prepare_in_process, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def test_a_volume_is_prepared_once_and_found_again(cached):
    data = cached()
    first, was_there = data.prepare("case_0", NATIVE)
    assert not was_there
    again, was_there = data.prepare("case_0", NATIVE)
    assert was_there
    assert again.folder == first.folder
    assert_whole(again)


def test_a_prepared_volume_holds_the_image_the_label_and_where_the_classes_are(cached):
    data = cached()
    case, _ = data.prepare("case_0", NATIVE)
    image = nibabel.load(data.root / "imagesTr/case_0.nii.gz").get_fdata()
    label = nibabel.load(data.root / "labelsTr/case_0.nii.gz").get_fdata()
    np.testing.assert_array_equal(case.image()[0], image)
    np.testing.assert_array_equal(case.label(), label)
    assert list(case.foreground()) == [1]
    np.testing.assert_array_equal(case.lowest_intensity(), [image.min()])
    assert_whole(case)
    assert (case.image().dtype, case.label().dtype) == (np.float32, np.uint8)


def test_a_prepared_volume_is_memory_mapped_and_cannot_be_written(cached):
    case, _ = cached().prepare("case_0", NATIVE)
    assert isinstance(case.image(), np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        case.image()[0, 0, 0, 0] = 1.0


def test_a_volume_is_turned_to_ras_and_to_the_spacing_wanted(cached):
    data = cached(affine=FACING_BACK)
    turned, _ = data.prepare("case_0", NATIVE)
    image = nibabel.as_closest_canonical(nibabel.load(data.root / "imagesTr/case_0.nii.gz")).get_fdata()
    np.testing.assert_array_equal(turned.image()[0], image)
    fine, _ = data.prepare("case_0", NATIVE.model_copy(update={"spacing": (0.5, 1.0, 1.0)}))
    assert fine.label().shape == (2 * 18 - 1, 20, 2 * 14 - 1)
    np.testing.assert_allclose(fine.image()[0, ::2, :, ::2], image, rtol=1e-5)
    assert_whole(fine)


def test_each_channel_is_normalised_by_itself(new_dataset, cached):
    folder = new_dataset()
    image = np.random.default_rng(0).normal([100.0, -5.0], [10.0, 0.1], size=(10, 9, 8, 2))
    folder.add_case("case_0", image.astype(np.float32), (image[..., 0] > 100).astype(np.uint8))
    folder.save(modality={"0": "T1", "1": "T2"})
    case, _ = cached(folder).prepare("case_0", NATIVE.model_copy(update={"normalisation": "zscore"}))
    assert case.image().shape == (2, 10, 9, 8)
    np.testing.assert_allclose(case.image().mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(case.image().std(axis=(1, 2, 3)), 1, atol=1e-4)


def test_every_class_has_its_own_positions(new_dataset, cached):
    folder = new_dataset()
    labels = np.zeros((10, 9, 8), np.uint8)
    labels[1:3], labels[5:6] = 3, 1
    folder.add_case("case_0", np.ones((10, 9, 8), np.float32), labels)
    folder.save(labels={"0": "background", "1": "a", "2": "b", "3": "c"})
    case, _ = cached(folder).prepare("case_0", NATIVE)
    assert {value: len(where) for value, where in case.foreground().items()} == {1: 72, 3: 144}
    assert_whole(case)


@pytest.mark.parametrize(
    "change",
    [
        {"spacing": (1.0, 1.0, 1.0)},
        {"normalisation": "zscore"},
        {"normalisation": "window", "intensity_window": (0.0, 1.0)},
        {"antialias": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_key_depends_on_every_parameter(cached, change):
    data = cached()
    changed = PreprocessConfig(**{**NATIVE.model_dump(), **change})
    assert data.key("case_0", changed) != data.key("case_0", NATIVE)


def test_the_key_does_not_depend_on_the_limit_of_the_cache(cached):
    data = cached()
    larger = NATIVE.model_copy(update={"cache_limit_gb": 900.0})
    assert data.key("case_0", larger) == data.key("case_0", NATIVE)


def test_the_key_depends_on_the_voxels_and_the_place_not_on_the_file(new_dataset, cached):
    folder = new_dataset()
    image = np.arange(720, dtype=np.int16).reshape(10, 9, 8)
    label = (image > 300).astype(np.uint8)
    folder.add_case("first", image, label)
    folder.add_case("same", image.astype(np.float32), label.astype(np.int16), suffix=".nii")
    folder.add_case("other_image", image + 1, label)
    folder.add_case("other_label", image, (image > 301).astype(np.uint8))
    folder.add_case("other_place", image, label, np.diag([1.0, 1.0, 3.0, 1.0]))
    data = cached(folder)
    keys = {case: data.key(case, NATIVE) for case in data.scans}
    assert keys["same"] == keys["first"]
    assert len(set(keys.values())) == 4


def test_a_file_that_changed_since_it_was_checked_is_refused(cached):
    data = cached()
    path = data.root / "imagesTr/case_0.nii.gz"
    path.write_bytes((data.root / "imagesTr/case_1.nii.gz").read_bytes())
    with pytest.raises(InputError, match="The files of case_0 changed while this run was starting"):
        data.prepare("case_0", NATIVE)
    assert not list(data.cache.root.glob("*/entry.json"))


def test_threads_that_prepare_one_volume_at_once_get_the_same_whole_entry(cached):
    data = cached()
    barrier = Barrier(8)

    def prepare(_):
        barrier.wait()
        return data.prepare("case_0", NATIVE)[0]

    with ThreadPoolExecutor(8) as pool:
        cases = list(pool.map(prepare, range(8)))
    assert len({case.folder for case in cases}) == 1
    assert [path.name for path in data.cache.root.iterdir()] == [cases[0].folder.name]
    assert_whole(cases[0])


def test_processes_that_prepare_one_volume_at_once_leave_one_whole_entry(cached):
    data = cached()
    barrier = SPAWN.Barrier(2)
    assert run_processes(*[(data.root, data.cache.root, barrier)] * 2) == [0, 0]
    case, was_there = data.prepare("case_0", NATIVE)
    assert was_there
    assert_whole(case)
    assert [path.name for path in data.cache.root.iterdir()] == [case.folder.name]


@pytest.mark.parametrize("die_before", ["image.npy", "foreground.npy"])
def test_a_process_killed_while_it_prepares_leaves_nothing_that_counts(cached, die_before):
    data = cached()
    assert run_processes((data.root, data.cache.root, None, die_before)) == [9]
    case, was_there = data.prepare("case_0", NATIVE)
    assert not was_there
    assert_whole(case)
    data.cache.make_room({data.key("case_0", NATIVE): data.scans["case_0"]}, NATIVE)
    assert_whole(case)


@pytest.mark.parametrize("reason", [(28, "No space left on device"), ("2520 requested and 0 written",)])
def test_a_full_disk_is_told_with_a_reason_and_leaves_no_rest(cached, monkeypatch, reason):
    """NumPy tells of a full disk by a number of bytes, without the system's own words."""

    def refuse(*_args, **_keywords):
        raise OSError(*reason)

    data = cached()
    monkeypatch.setattr(np, "save", refuse)
    with pytest.raises(InputError, match=r"case_0 can't be written to the cache") as caught:
        data.prepare("case_0", NATIVE)
    assert "None" not in str(caught.value)
    assert not list(data.cache.root.iterdir())


def test_the_median_spacing_is_that_of_the_axes_turned_to_ras(new_dataset, cached):
    folder = new_dataset()
    for name, millimetres in (("a", 1.0), ("b", 2.0), ("c", 9.0)):
        affine = np.zeros((4, 4))
        affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = millimetres, -0.5, 0.7, 1.0
        folder.add_case(name, affine=affine)
    spacing = median_spacing_mm(list(cached(folder).scans.values()))
    assert spacing == pytest.approx((0.5, 0.7, 2.0))
