"""Segmenting new images with the network of a finished run."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from filelock import FileLock

from run_copies import copy_run
from segtrail.errors import InputError, TrainingFailed
from segtrail.inference.network_pass import NetworkPass
from segtrail.prediction import prediction_work as module
from segtrail.record.hashing import hash_file
from segtrail.record.journal import find_breaks, read_journal
from segtrail.record.prediction import PredictionFolder

Command = Callable[..., Any]
Predict = Callable[..., Any]
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def write_image(path: Path, data: Any = None, affine: Any = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if data is None:
        data = np.random.default_rng(len(path.name)).integers(5, 40, size=(20, 18, 14)).astype(np.int16)
        data[6:12, 6:12, 5:9] += 100
    nibabel.save(nibabel.Nifti1Image(data, affine), path)
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    """All files of a folder of predictions but its lock and its journal, which tells every attempt, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "data_access.jsonl")
    }


def read_record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "prediction.json").read_text(encoding="utf-8"))


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    cases = [{**case, "seconds": None} for case in record["cases"]]
    return {**record, "created_utc": None, "ended_utc": None, "cases": cases}


def assert_same_predictions(first: Path, second: Path) -> None:
    """Compare two folders of predictions byte by byte, but for the times in the record."""
    one, two = files_in(first), files_in(second)
    assert set(one) == set(two)
    assert [name for name in one if name != "prediction.json" and one[name] != two[name]] == []
    assert without_times(read_record(first)) == without_times(read_record(second))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three images, ``a``, ``bb`` and ``ccc``."""
    for name in ("a", "bb", "ccc"):
        write_image(tmp_path / "images" / f"{name}.nii.gz")
    return tmp_path / "images"


@pytest.fixture
def predict(tmp_path: Path, quick_run_dir: Path, segtrail: Command) -> Predict:
    """Run ``segtrail predict`` on the CPU; predictions come to ``tmp_path/out``."""

    def run(*arguments: object, run: Path = quick_run_dir, output: Path | str = tmp_path / "out") -> Any:
        return segtrail("predict", run, *arguments, "--output", output, "--device", "cpu")

    return run


def test_each_image_gets_label_map_picture_volumes_and_an_entry(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    result = predict(images)
    assert result.exit_code == 0, result.stderr
    assert sorted(files_in(tmp_path / "out")) == [
        *("a.nii.gz", "bb.nii.gz", "ccc.nii.gz"),
        *("pictures/a.png", "pictures/bb.png", "pictures/ccc.png", "prediction.json", "volumes.csv"),
    ]
    labels = nibabel.load(tmp_path / "out" / "a.nii.gz")
    with (tmp_path / "out" / "volumes.csv").open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    voxels = int(np.count_nonzero(np.asarray(labels.dataobj)))
    assert voxels > 0
    assert (row["case"], row["class"], int(row["voxels"])) == ("a", "ball", voxels)
    assert float(row["volume_ml"]) == pytest.approx(voxels * 2 / 1000)
    assert f"{voxels * 2 / 1000:.2f}" in result.stdout
    assert [case["status"] for case in read_record(tmp_path / "out")["cases"]] == ["done"] * 3


def test_json_is_the_record_and_what_was_skipped(tmp_path: Path, images: Path, predict: Predict) -> None:
    predict(images / "a.nii.gz")
    answer = json.loads(predict(images, "--json").stdout)
    assert answer == {**read_record(tmp_path / "out"), "skipped": ["a"]}


def test_the_labels_are_those_of_an_evaluation(tmp_path: Path, quick_run_dir: Path, predict: Predict) -> None:
    predict(quick_run_dir.parents[2] / "data")
    for case in ("case_2", "case_3", "case_4"):
        made = (tmp_path / "out" / f"{case}.nii.gz").read_bytes()
        assert made == (quick_run_dir / "predictions" / f"{case}.nii.gz").read_bytes()


@pytest.mark.requirement("RES-06")
def test_images_like_the_training_images_are_not_marked_and_others_are(
    tmp_path: Path, quick_run_dir: Path, predict: Predict
) -> None:
    own = quick_run_dir.parents[2] / "data" / "imagesTr" / "case_2.nii.gz"
    coarse = write_image(tmp_path / "coarse.nii.gz", affine=np.diag([3.0, 1.0, 2.0, 1.0]))
    result = predict(own, coarse)
    warnings = {case["case"]: case["warnings"] for case in read_record(tmp_path / "out")["cases"]}
    assert warnings["case_2"] == []
    assert [warning["property"] for warning in warnings["coarse"]] == ["spacing", "extent"]
    assert "The spacing in mm along x is 3; in the training images it is 1." in result.stdout
    table = (tmp_path / "out" / "volumes.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[4] for line in table] == ["unlike_training", "false", "true"]


@pytest.mark.parametrize(
    ("data", "affine", "expected"),
    [
        (np.zeros((8, 8)), AFFINE, "dimensions"),
        (np.zeros((8, 8, 1)), AFFINE, "8x8x1 voxels"),
        (np.zeros((8, 8, 8, 3)), AFFINE, "3 channels; the network takes 1"),
        (np.full((8, 8, 8), np.nan), AFFINE, "NaN or infinite"),
        (np.zeros((8, 8, 8)), np.diag([1.0, 1.0, 0.0, 1.0]), "can't be inverted"),
        (None, None, "damaged"),
    ],
    ids=["2D", "one slice", "channels", "NaN", "affine", "cut off"],
)
def test_an_image_that_can_not_be_segmented_fails_alone(
    tmp_path: Path, images: Path, predict: Predict, data: Any, affine: Any, expected: str
) -> None:
    bad = images / "b_bad.nii.gz"
    if data is None:
        bad.write_bytes((images / "a.nii.gz").read_bytes()[:-20])
    else:
        image = nibabel.Nifti1Image(data.astype(np.float32), None)
        image.header.set_sform(affine, 1)
        nibabel.save(nibabel.Nifti1Image.from_bytes(image.to_bytes()), bad)
    result = predict(images, "--json")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    answer = json.loads(result.stdout)
    status = {case["case"]: case["status"] for case in answer["cases"]}
    assert status == {"a": "done", "b_bad": "failed", "bb": "done", "ccc": "done"}
    assert expected in answer["error"]
    assert answer["exit_code"] == 1
    assert not (tmp_path / "out" / "b_bad.nii.gz").exists()


def test_channels_in_files_of_their_own_or_in_one_give_the_same_labels(
    tmp_path: Path, segtrail: Command, tiny_config: Path
) -> None:
    data = tmp_path / "data"
    description = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    for entry in description["training"]:
        path = data / entry["image"]
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        write_image(path, np.stack([values, 200 - values], axis=-1), image.affine)
    description["modality"] = {"0": "T1", "1": "T2"}
    (data / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    overrides = ["report.enabled=false", "train.max_epochs=1"]
    assert segtrail("train", tiny_config, *overrides).exit_code == 0
    values = np.asarray(nibabel.load(data / "imagesTr" / "case_0.nii.gz").dataobj)
    whole = write_image(tmp_path / "whole.nii.gz", values)
    for channel in range(2):
        write_image(tmp_path / "parts" / f"apart_000{channel}.nii.gz", values[..., channel])
    options = ("--output", tmp_path / "out", "--output-root", tmp_path / "outputs")
    result = segtrail("predict", "latest", whole, tmp_path / "parts", *options)
    assert result.exit_code == 0, result.stderr
    first, second = (nibabel.load(tmp_path / "out" / f"{case}.nii.gz") for case in ("whole", "apart"))
    np.testing.assert_array_equal(np.asarray(first.dataobj), np.asarray(second.dataobj))


def test_what_is_done_is_skipped_and_not_written_again(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    predict(images)
    before = files_in(tmp_path / "out")
    result = predict(images)
    assert "0 to segment, 3 there already" in result.stdout
    assert files_in(tmp_path / "out") == before


def test_probabilities_asked_for_later_are_made_and_kept(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    predict(images)
    assert "3 to segment" in predict(images, "--probabilities").stdout
    probabilities = nibabel.load(tmp_path / "out" / "probabilities" / "a.nii.gz").get_fdata()
    labels = np.asarray(nibabel.load(tmp_path / "out" / "a.nii.gz").dataobj)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), labels)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)
    assert "3 there already" in predict(images).stdout
    assert predict(images, "--overwrite").exit_code == 0
    assert not (tmp_path / "out" / "probabilities" / "a.nii.gz").exists()


def test_a_deleted_output_is_made_again(tmp_path: Path, images: Path, predict: Predict) -> None:
    predict(images)
    before = files_in(tmp_path / "out")
    for name in ("a.nii.gz", "pictures/bb.png"):
        (tmp_path / "out" / name).unlink()
    assert "2 to segment, 1 there already" in predict(images).stdout
    assert {name: data for name, data in files_in(tmp_path / "out").items() if name != "prediction.json"} == {
        name: data for name, data in before.items() if name != "prediction.json"
    }


def edited(_images: Path, out: Path, _run: Path) -> None:
    write_image(out / "a.nii.gz", np.ones((20, 18, 14), np.uint8))


def another_image(images: Path, _out: Path, _run: Path) -> None:
    write_image(images / "a.nii.gz", np.ones((20, 18, 14), np.uint8))


def without_record(_images: Path, out: Path, _run: Path) -> None:
    (out / "prediction.json").unlink()


def another_network(_images: Path, _out: Path, run: Path) -> None:
    shutil.copy(run / "checkpoints" / "last.pt", run / "checkpoints" / "best.pt")


@pytest.mark.requirement("SAF-05")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edited, "was changed since it was made"),
        (another_image, "was made from another image"),
        (without_record, "does not say how it was made"),
        (another_network, "made with another network"),
    ],
    ids=["edited", "another image", "without record", "another network"],
)
def test_outputs_of_another_origin_are_refused_and_stay_unless_overwritten(
    tmp_path: Path,
    images: Path,
    quick_run_dir: Path,
    predict: Predict,
    change: Callable[[Path, Path, Path], None],
    expected: str,
) -> None:
    run = tmp_path / quick_run_dir.name
    copy_run(quick_run_dir, run)
    predict(images, run=run)
    change(images, tmp_path / "out", run)
    before = files_in(tmp_path / "out")
    result = predict(images, run=run)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "--overwrite" in result.stderr
    assert files_in(tmp_path / "out") == before
    assert predict(images, "--overwrite", run=run).exit_code == 0
    assert "3 there already" in predict(images, run=run).stdout


def test_predictions_of_another_network_are_never_left_without_a_record(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    predict(images)
    before = files_in(tmp_path / "out")
    result = predict(images / "a.nii.gz", "--checkpoint", "last", "--overwrite")
    assert result.exit_code == 2
    assert "bb, ccc" in result.stderr
    assert files_in(tmp_path / "out") == before


def test_a_record_that_is_damaged_is_refused(tmp_path: Path, images: Path, predict: Predict) -> None:
    for content in ("{", "[]", '{"schema_version": 7}', '{"schema_version": 1, "cases": [{}]}'):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "prediction.json").write_text(content, encoding="utf-8")
        result = predict(images)
        assert result.exit_code == 2
        assert "can't be read as the record of predictions" in result.stderr


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["circumstances"], None),
        (["circumstances", 0], "cpu"),
        (["cases"], None),
        (["run_fingerprint"], []),
        (["cases", 0, "case"], 4),
        (["cases", 0, "status"], "well"),
        (["cases", 0, "inputs"], [None]),
        (["cases", 0, "output", "file"], 4),
        (["cases", 0, "volumes_ml"], {"ball": "much"}),
        (["cases", 0, "voxels"], {}),
        (["cases", 0, "warnings"], ["spacing"]),
        (["cases", 0, "guard"], [{"reason": "volume", "evidence": None, "action": "kept"}]),
        (["cases", 0, "guard"], None),
        (["cases", 0, "regions"], [{"low_mm": [0, 0, 0]}]),
    ],
    ids=str,
)
def test_a_record_with_values_of_other_types_is_refused(tmp_path: Path, path: list[Any], value: Any) -> None:
    sha256 = "0" * 64
    case = {
        **{"case": "a", "status": "done", "circumstance": 0, "error": None, "probabilities": None},
        **{
            "inputs": [{"file": "a.nii.gz", "sha256": sha256}],
            "output": {"file": "a.nii.gz", "sha256": sha256},
        },
        **{"picture": {"file": "pictures/a.png", "sha256": sha256}, "volumes_ml": {"ball": 1.0}},
        **{"voxels": {"ball": 5}, "warnings": [], "mode": "whole_volume", "seconds": 1.0},
    }
    record: dict[str, Any] = {
        **{"schema_version": 1, "run_id": "run", "run_fingerprint": {}, "settings": {}, "created_utc": ""},
        **{"ended_utc": None, "circumstances": [{"device": {}, "environment": {}}], "cases": [case]},
    }
    folder = PredictionFolder(tmp_path / "out")
    folder.path.mkdir()
    folder.record_file.write_text(json.dumps(record), encoding="utf-8")
    assert folder.read_record() is not None
    place: Any = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    folder.record_file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="can't be read as the record of predictions"):
        folder.read_record()


@pytest.mark.requirement("SAF-05")
def test_no_input_can_be_overwritten(images: Path, predict: Predict) -> None:
    before = files_in(images)
    for given in (images, images / "a.nii.gz"):
        result = predict(given, "--overwrite", output=images)
        assert result.exit_code == 2
        assert "inputs" in result.stderr
    assert predict(images / "a.nii.gz", "--overwrite", output=images / "." / "..").exit_code == 0
    assert files_in(images) == before


def test_an_output_in_a_run_folder_is_refused(quick_run_dir: Path, images: Path, predict: Predict) -> None:
    for output in (quick_run_dir, quick_run_dir / "predictions" / "new"):
        result = predict(images, output=output)
        assert result.exit_code == 2
        assert "A run folder is a record" in result.stderr
    assert not (quick_run_dir / "predictions" / "new").exists()


def test_an_output_that_is_a_file_is_refused(images: Path, predict: Predict) -> None:
    result = predict(images, output=images / "a.nii.gz")
    assert result.exit_code == 2
    assert "Name a folder" in result.stderr


def test_a_missing_input_is_told_before_anything_is_made(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    result = predict(images, images / "nowhere.nii.gz")
    assert result.exit_code == 2
    assert "nowhere.nii.gz is not there" in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_commands_do_not_work_in_one_folder(tmp_path: Path, images: Path, predict: Predict) -> None:
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"):
        result = predict(images)
    assert result.exit_code == 2
    assert "Another segtrail predict works in" in result.stderr


def test_an_image_too_large_for_the_memory_fails_alone(
    images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = NetworkPass.everywhere

    def refuse_large(self: NetworkPass, image: Any) -> Any:
        if image.shape[1] > 25:
            raise MemoryError
        return everywhere(self, image)

    monkeypatch.setattr(NetworkPass, "everywhere", refuse_large)
    write_image(images / "large.nii.gz", np.zeros((30, 18, 14), np.int16))
    result = predict(images, "--json")
    assert result.exit_code == 1
    assert "The memory ran out" in json.loads(result.stdout)["error"]
    assert [case["status"] for case in json.loads(result.stdout)["cases"]].count("done") == 3


def run_out_of_memory(*_arguments: Any, **_options: Any) -> Any:
    raise TrainingFailed("The memory ran out.")


def test_a_good_prediction_stays_when_a_later_command_fails_on_the_same_image(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(images)
    before, record = files_in(tmp_path / "out"), read_record(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(NetworkPass, "everywhere", run_out_of_memory)
        result = predict(images, "--probabilities", "--json")
    assert result.exit_code == 1
    assert "stays as it was" in json.loads(result.stdout)["error"]
    after = files_in(tmp_path / "out")
    assert {**after, "prediction.json": b""} == {**before, "prediction.json": b""}
    assert read_record(tmp_path / "out")["cases"] == record["cases"]
    assert "3 there already" in predict(images).stdout


def test_an_earlier_prediction_goes_when_another_image_of_its_name_fails(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    predict(images)
    (images / "a.nii.gz").write_bytes(b"no gzip")
    assert predict(images, "--overwrite").exit_code == 1
    assert [name for name in files_in(tmp_path / "out") if "a.nii" in name or "a.png" in name] == []
    assert read_record(tmp_path / "out")["cases"][0]["status"] == "failed"


def test_a_foreign_file_stays_when_the_image_that_would_replace_it_fails(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    own = write_image(tmp_path / "out" / "a.nii.gz", np.ones((4, 4, 4), np.uint8)).read_bytes()
    (images / "a.nii.gz").write_bytes(b"no gzip")
    result = predict(images, "--overwrite")
    assert result.exit_code == 1
    assert "stays as it was" in result.stderr
    assert (tmp_path / "out" / "a.nii.gz").read_bytes() == own


def test_memory_that_runs_out_at_a_picture_fails_that_image_alone(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = module.draw_case_panel

    def refuse(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name == "bb.png":
            raise MemoryError
        draw(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, "draw_case_panel", refuse)
        result = predict(images, "--probabilities", "--json")
    assert result.exit_code == 1
    assert "The memory ran out" in json.loads(result.stdout)["error"]
    assert [case["status"] for case in read_record(tmp_path / "out")["cases"]] == ["done", "failed", "done"]
    assert not (tmp_path / "out" / "probabilities" / "bb.nii.gz").exists()
    assert predict(images, "--probabilities").exit_code == 0


def test_a_file_changed_by_hand_is_protected_after_a_kill_too(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(images)

    def stop(*_arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_image", stop)
        assert predict(images, "--probabilities").exit_code == 130
    assert read_record(tmp_path / "out")["cases"][0]["status"] == "started"
    edited = write_image(tmp_path / "out" / "a.nii.gz", np.ones((4, 4, 4), np.uint8)).read_bytes()
    result = predict(images)
    assert result.exit_code == 2
    assert "a.nii.gz was changed since it was made" in result.stderr
    assert (tmp_path / "out" / "a.nii.gz").read_bytes() == edited


def test_warnings_that_many_images_share_are_counted_after_the_first_three(
    tmp_path: Path, predict: Predict
) -> None:
    for number in range(5):
        write_image(tmp_path / "coarse" / f"c{number}.nii.gz", affine=np.diag([3.0, 1.0, 2.0, 1.0]))
    result = predict(tmp_path / "coarse")
    assert result.stdout.count("The spacing in mm along x is 3") == 3
    assert "Warning (spacing unlike the training images): ... and the same for 2 more" in result.stdout
    assert all(case["warnings"] for case in read_record(tmp_path / "out")["cases"])


def test_an_empty_output_is_not_the_current_folder(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = predict(images, output="")
    assert result.exit_code == 2
    assert "--output is empty" in result.stderr
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("writer", ["write_label_map", "draw_case_panel"])
def test_a_full_disk_ends_with_a_sentence_and_the_next_command_goes_on(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    predict(images, output=tmp_path / "whole")
    write = getattr(module, writer)

    def refuse(path: Path, *arguments: Any, **options: Any) -> None:
        if path.name.startswith("bb"):
            raise OSError(28, "No space left on device", str(path))
        write(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, writer, refuse)
        result = predict(images)
    assert result.exit_code == 2
    assert "The disk is full" in result.stderr
    assert (tmp_path / "out" / "a.nii.gz").exists()
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert "2 to segment, 1 there already" in predict(images).stdout
    assert_same_predictions(tmp_path / "out", tmp_path / "whole")


def test_ctrl_c_keeps_what_is_done_and_says_so(
    tmp_path: Path, images: Path, predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(images, output=tmp_path / "whole")
    read = module.read_image

    def interrupt(files: Any, n_channels: int) -> Any:
        if files[0].name == "bb.nii.gz":
            signal.raise_signal(signal.SIGINT)
        return read(files, n_channels)

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_image", interrupt)
        result = predict(images)
    assert result.exit_code == 130
    assert "1 of 3 images are done" in result.stderr
    assert predict(images).exit_code == 0
    assert_same_predictions(tmp_path / "out", tmp_path / "whole")


KILLED = """
import os, sys
from pathlib import Path
from segtrail import atomic
from segtrail.cli import main

count = 0
replace = Path.replace

def dying(self, target):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os._exit(9)
    return replace(self, target)

Path.replace = dying
main(sys.argv[2:])
"""


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 9])
def test_a_kill_at_any_write_is_followed_by_the_same_bytes(
    tmp_path: Path, images: Path, quick_run_dir: Path, predict: Predict, writes: int
) -> None:
    predict(images, "--probabilities", output=tmp_path / "whole")
    command = ["predict", str(quick_run_dir), str(images), "--probabilities", "--device", "cpu"]
    command += ["--output", str(tmp_path / "out")]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(writes), *command], capture_output=True)
    assert killed.returncode == 9, killed.stderr
    result = predict(images, "--probabilities")
    assert result.exit_code == 0, result.stderr
    assert_same_predictions(tmp_path / "out", tmp_path / "whole")


@pytest.mark.parametrize("writes", [2, 3, 4, 5])
def test_a_kill_while_probabilities_are_added_is_followed_by_the_same_bytes(
    tmp_path: Path, images: Path, quick_run_dir: Path, predict: Predict, writes: int
) -> None:
    predict(images, "--probabilities", output=tmp_path / "whole")
    predict(images)
    command = ["predict", str(quick_run_dir), str(images), "--probabilities", "--device", "cpu"]
    command += ["--output", str(tmp_path / "out")]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(writes), *command], capture_output=True)
    assert killed.returncode == 9, killed.stderr
    assert predict(images, "--probabilities").exit_code == 0
    assert_same_predictions(tmp_path / "out", tmp_path / "whole")


def test_no_machine_path_comes_into_the_record(tmp_path: Path, images: Path, predict: Predict) -> None:
    (images / "a.nii.gz").write_bytes(b"no gzip")
    predict(images)
    text = (tmp_path / "out" / "prediction.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "${path}/a.nii.gz" in text


@pytest.mark.usefixtures("binding_permissions")
def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path, images: Path, predict: Predict) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    result = predict(images)
    assert result.exit_code == 2
    assert "can't be written" in result.stderr


@pytest.mark.requirement("REC-08")
def test_a_journal_beside_the_results_says_which_images_were_used(
    tmp_path: Path, images: Path, predict: Predict
) -> None:
    predict(images)
    entries = read_journal(tmp_path / "out" / "data_access.jsonl")
    assert find_breaks(entries) == []
    assert [(entry.action, entry.details["case"]) for entry in entries] == [
        ("data used", "a"),
        ("data used", "bb"),
        ("data used", "ccc"),
    ]
    assert entries[0].details["inputs"][0]["sha256"] == hash_file(images / "a.nii.gz")
