"""A prediction lies on its image voxel by voxel, however the file stores the scene."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import segtrail
from segtrail.prediction import prediction_work
from segtrail.prediction.predict_run import PredictionRequest, predict_run
from segtrail.progress import Narrator
from segtrail.record.run_folder import RunFolder

AXIS_ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
SPACINGS = [(1.0, 1.0, 2.0), (0.8, 1.3, 2.5)]
OBLIQUE = Rotation.from_euler("xyz", (0.25, -0.2, 0.3)).as_matrix()
CODES = {"sform only": (1, 0), "qform only": (0, 1), "both": (2, 1)}


def scene() -> np.ndarray:
    """A bright ball beside the middle on noise."""
    noise = np.random.default_rng(0).integers(5, 40, size=(20, 18, 14))
    distance = ((np.indices(noise.shape).T - (8, 10, 6)) ** 2).sum(axis=-1).T
    return (noise + 100 * (distance <= 20)).astype(np.int16)


def scene_affine(spacing, rotation) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(spacing)
    affine[:3, 3] = (12.5, -40.25, 7.0)
    return affine


def stored(array: np.ndarray, affine: np.ndarray, order, signs) -> tuple[np.ndarray, np.ndarray]:
    """Store the same scene with its axes in another order and direction."""
    to_ras = np.eye(4)
    to_ras[:3, :3] = 0
    for axis, (scene_axis, sign) in enumerate(zip(order, signs, strict=True)):
        to_ras[scene_axis, axis] = sign
        to_ras[scene_axis, 3] = 0 if sign > 0 else array.shape[scene_axis] - 1
    return turned(array, order, signs), affine @ to_ras


def turned(array: np.ndarray, order, signs) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)])


@pytest.fixture(scope="module")
def run(quick_run_dir: Path) -> segtrail.Run:
    return segtrail.Run.open(quick_run_dir)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_work, "draw_case_panel", lambda path, *_, **__: path.touch())


@pytest.mark.requirement("RES-05")
@pytest.mark.parametrize("rotation", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("spacing", SPACINGS, ids=str)
def test_all_48_axis_orders_give_the_same_prediction(run: segtrail.Run, spacing, rotation) -> None:
    affine = scene_affine(spacing, rotation)
    expected = run.predict(scene(), affine=affine, probabilities=True, device="cpu")
    assert 0 < expected.labels.sum() < expected.labels.size
    for order, signs in AXIS_ORDERS:
        image, image_affine = stored(scene(), affine, order, signs)
        found = run.predict(image, affine=image_affine, probabilities=True, device="cpu")
        np.testing.assert_array_equal(found.labels, turned(expected.labels, order, signs))
        np.testing.assert_array_equal(found.affine, image_affine)
        for mine, reference in zip(found.probabilities, expected.probabilities, strict=True):
            np.testing.assert_array_equal(mine, turned(reference, order, signs))


@settings(max_examples=15)
@given(st.sampled_from(AXIS_ORDERS), st.tuples(*[st.floats(-0.3, 0.3)] * 3))
def test_any_oblique_rotation_gives_the_prediction_of_the_same_scene_stored_straight(
    run: segtrail.Run, axis_order, angles
) -> None:
    expected = run.predict(scene(), affine=scene_affine(SPACINGS[0], np.eye(3)), device="cpu")
    affine = scene_affine(SPACINGS[0], Rotation.from_euler("xyz", angles).as_matrix())
    image, image_affine = stored(scene(), affine, *axis_order)
    found = run.predict(image, affine=image_affine, device="cpu")
    np.testing.assert_array_equal(found.labels, turned(expected.labels, *axis_order))


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_files_get_label_maps_with_their_own_affines_and_codes(
    tmp_path: Path, quick_run_dir: Path, run: segtrail.Run, kind, suffix: str
) -> None:
    affine = scene_affine(SPACINGS[0], OBLIQUE)
    expected = run.predict(scene(), affine=affine, device="cpu").labels
    (tmp_path / "in").mkdir()
    variants = {}
    for number, (order, signs) in enumerate(AXIS_ORDERS[::5]):
        for name, (sform_code, qform_code) in CODES.items():
            data, stored_affine = stored(scene(), affine, order, signs)
            image = kind(data, None)
            image.header.set_sform(stored_affine if sform_code else None, sform_code)
            image.header.set_qform(stored_affine if qform_code else None, qform_code)
            case = f"{number} {name}"
            (tmp_path / "in" / f"{case}.nii").write_bytes(image.to_bytes())
            if suffix == ".nii.gz":
                (tmp_path / "in" / f"{case}.nii").unlink()
                nibabel.save(kind.from_bytes(image.to_bytes()), tmp_path / "in" / f"{case}.nii.gz")
            variants[case] = (order, signs)
    request = PredictionRequest([str(tmp_path / "in")], tmp_path / "out", probabilities=True, device="cpu")
    predict_run(RunFolder(quick_run_dir), request, Narrator())
    for case, (order, signs) in variants.items():
        image = nibabel.load(tmp_path / "in" / f"{case}{suffix}")
        labels = nibabel.load(tmp_path / "out" / f"{case}.nii.gz")
        probabilities = nibabel.load(tmp_path / "out" / "probabilities" / f"{case}.nii.gz")
        np.testing.assert_array_equal(np.asarray(labels.dataobj), turned(expected, order, signs))
        np.testing.assert_array_equal(probabilities.get_fdata().argmax(axis=-1), np.asarray(labels.dataobj))
        assert probabilities.get_data_dtype() == np.float32
        for written in (labels, probabilities):
            assert type(written) is type(image)
            np.testing.assert_array_equal(written.affine, image.affine)
            for field in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "qoffset_x"):
                np.testing.assert_array_equal(written.header[field], image.header[field])
