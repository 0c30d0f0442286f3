"""Events of a run, read back with TensorBoard's own reader."""

import csv
import getpass
import io
import json
import platform
import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]


def export(segtrail: Command, run_dir: Path, output: Path) -> Path:
    result = segtrail("export", run_dir, "--to", "tensorboard", "--output", output)
    assert result.exit_code == 0, result.stderr
    return output / f"{run_dir.name}_tensorboard"


def read_events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def text_of(events: Any, name: str) -> str:
    [event] = events.Tensors(name)
    return str(event.tensor_proto.string_val[0].decode("utf-8"))


@pytest.fixture
def folder(segtrail: Command, quick_run_dir: Path, tmp_path: Path) -> Path:
    return export(segtrail, quick_run_dir, tmp_path)


@pytest.mark.requirement("EXP-10")
def test_the_history_is_read_back_with_step_and_time(folder: Path, quick_run_dir: Path) -> None:
    events = read_events(folder)
    state = json.loads((quick_run_dir / "run.json").read_text(encoding="utf-8"))
    start, end = (datetime.fromisoformat(state[key]).timestamp() for key in ("created_utc", "ended_utc"))
    with (quick_run_dir / "history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for name in ("train_loss", "val_dice", "learning_rate"):
        points = events.Scalars(f"main/{name}")
        assert [point.step for point in points] == [int(row["epoch"]) for row in rows]
        assert [point.value for point in points] == [float(np.float32(row[name])) for row in rows]
        assert all(start <= point.wall_time <= end + 1 for point in points)
        assert points[0].wall_time < points[1].wall_time


def test_both_stages_have_curves_of_their_own(
    segtrail: Command, staged_run_dir: Path, tmp_path: Path
) -> None:
    events = read_events(export(segtrail, staged_run_dir, tmp_path))
    assert [point.step for point in events.Scalars("coarse/train_loss")] == list(range(1, 17))
    assert [point.step for point in events.Scalars("fine/train_loss")] == list(range(1, 9))


@pytest.mark.requirement("EXP-10")
def test_the_results_are_scalars_of_the_whole_run(folder: Path, quick_run_dir: Path) -> None:
    summary = json.loads((quick_run_dir / "metrics_summary.json").read_text(encoding="utf-8"))
    known = summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
    [point] = read_events(folder).Scalars("val/ball/dice_mean")
    assert point.value == float(np.float32(known))


@pytest.mark.requirement("EXP-10")
def test_the_pictures_are_those_of_the_run(folder: Path, quick_run_dir: Path) -> None:
    events = read_events(folder)
    examples = json.loads((quick_run_dir / "examples" / "examples.json").read_text(encoding="utf-8"))
    first = examples["examples"][0]
    [picture] = events.Images(f"examples/{first['rank']} {first['case']}")
    assert picture.encoded_image_string == (quick_run_dir / "examples" / first["file"]).read_bytes()
    with Image.open(io.BytesIO(picture.encoded_image_string)) as image:
        assert image.size == (picture.width, picture.height)
    assert (
        events.SummaryMetadata(f"examples/{first['rank']} {first['case']}").summary_description
        == first["caption"]
    )
    surfaces = [tag for tag in events.Tags()["images"] if tag.startswith("surfaces/")]
    assert len(surfaces) == sum("surface" in example for example in examples["examples"])


@pytest.mark.requirement("EXP-10")
def test_configuration_run_and_notes_are_texts_that_tensorboard_shows(
    folder: Path, quick_run_dir: Path
) -> None:
    events = read_events(folder)
    assert set(events.PluginTagToContent("text")) == {"run", "configuration", "notes"}
    assert "data_root: ${data_root}" in text_of(events, "configuration")
    assert f"| run_id | {quick_run_dir.name} |" in text_of(events, "run")
    assert text_of(events, "notes") == "a note"


@pytest.mark.requirement("EXP-03")
def test_no_event_tells_of_the_machine(folder: Path, quick_run_dir: Path) -> None:
    [path] = folder.iterdir()
    assert str(quick_run_dir.parents[2]).encode() not in path.read_bytes()
    events = read_events(folder)
    texts = [text_of(events, name) for name in ("run", "configuration", "notes")]
    told = "\n".join([path.name, *texts, *events.Tags()["scalars"], *events.Tags()["images"]])
    for name in {getpass.getuser(), platform.node()} - {"root", "localhost", ""}:
        assert not re.search(rf"\b{re.escape(name)}\b", told)


def test_the_same_run_gives_the_same_bytes_and_is_left_where_it_is(
    segtrail: Command, folder: Path, quick_run_dir: Path, tmp_path: Path
) -> None:
    [path] = folder.iterdir()
    before = path.read_bytes()
    again = segtrail("export", quick_run_dir, "--to", "tensorboard", "--output", tmp_path)
    assert "was there already, and is the same" in again.stdout
    [elsewhere] = export(segtrail, quick_run_dir, tmp_path / "elsewhere").iterdir()
    assert (elsewhere.name, elsewhere.read_bytes()) == (path.name, before)


def test_a_copy_for_use_elsewhere_has_its_curves_and_no_pictures(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    shared = segtrail("export", run_dir, "--share", "--output", tmp_path / "shared")
    assert shared.exit_code == 0, shared.stderr
    [copy] = (tmp_path / "shared").glob("shared_run_*")
    events = read_events(export(segtrail, copy, tmp_path / "out"))
    assert [point.step for point in events.Scalars("main/train_loss")] == [1, 2]
    assert events.Tags()["images"] == []
    told = text_of(events, "run") + text_of(events, "configuration")
    assert not re.search(r"(?<!shared_)case_\d", told)


def test_the_record_of_another_program_says_which(
    segtrail: Command, make_dataset: Callable[..., Any], tmp_path: Path
) -> None:
    recorded = (
        *("record", "--no-report", "--data", make_dataset(1).root),
        *("--output-root", tmp_path / "outputs"),
    )
    assert segtrail(*recorded, "--", sys.executable, "-c", "pass").exit_code == 0
    [run_dir] = (tmp_path / "outputs" / "runs").iterdir()
    events = read_events(export(segtrail, run_dir, tmp_path / "out"))
    assert f"| run_id | {run_dir.name} |" in text_of(events, "run")


def test_a_run_that_is_not_finished_is_refused(segtrail: Command, run_dir: Path, tmp_path: Path) -> None:
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    (run_dir / "run.json").write_text(json.dumps({**state, "status": "interrupted"}), encoding="utf-8")
    result = segtrail("export", run_dir, "--to", "tensorboard", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "is interrupted, and its curves may go on" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("content", [b"no picture", None])
def test_a_picture_that_is_damaged_or_missing_is_named(
    segtrail: Command, run_dir: Path, tmp_path: Path, content: bytes | None
) -> None:
    picture = next((run_dir / "examples").glob("best_*.png"))
    if content is None:
        picture.unlink()
    else:
        picture.write_bytes(content)
    result = segtrail("export", run_dir, "--to", "tensorboard", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert f"{picture.name}, a picture of the run, is missing or damaged" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_record_that_names_a_file_outside_of_the_run_is_refused(
    segtrail: Command, run_dir: Path, tmp_path: Path
) -> None:
    listed = run_dir / "examples" / "examples.json"
    examples = json.loads(listed.read_text(encoding="utf-8"))
    examples["examples"][0]["file"] = "../../secret.png"
    listed.write_text(json.dumps(examples), encoding="utf-8")
    Image.new("RGB", (4, 4)).save(run_dir.parent / "secret.png")
    result = segtrail("export", run_dir, "--to", "tensorboard", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "names a picture outside of the run" in result.stderr


def test_without_the_package_the_sentence_names_the_extra_of_tensorboard(
    segtrail: Command, quick_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    result = segtrail("export", quick_run_dir, "--to", "tensorboard", "--output", tmp_path)
    assert result.exit_code == 2
    assert "pip install 'segtrail[tensorboard]'" in result.stderr
