"""One training repeated with several seeds: a run for each, gone on with where it was stopped, and their spread."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from run_copies import copy_run
from segtrail.errors import TrainingFailed
from segtrail.run_series import entry_training

Command = Callable[..., Any]
CHANGES = ("train.max_epochs=2", "report.enabled=false", "train.seed=3")
DOCS = Path(__file__).parents[2] / "docs"


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def only_series(folder: Path) -> Path:
    (series,) = (folder / "outputs" / "seeds").iterdir()
    return series


@pytest.fixture
def seeds_dir(tmp_path: Path, finished_seeds_dir: Path) -> Path:
    """A copy of the finished series, with its runs, that a test may change."""
    copy_run(finished_seeds_dir.parents[1], tmp_path / "outputs")
    return tmp_path / "outputs" / "seeds" / finished_seeds_dir.name


def test_each_seed_is_a_run_on_the_same_split_and_verifies(seeds_dir: Path, segtrail: Command) -> None:
    record = read_json(seeds_dir / "seeds.json")
    assert [entry["seed"] for entry in record["seeds"]] == [3, 4]
    runs = [seeds_dir.parents[1] / "runs" / entry["run_id"] for entry in record["seeds"]]
    splits = [read_json(run / "dataset_summary.json")["split"]["hash"] for run in runs]
    assert splits[0] == splits[1]
    notes = [read_json(run / "run.json")["note"] for run in runs]
    assert notes[1] == f"seed 4 (2 of 2) of {seeds_dir.name}: a note"
    configs = [(run / "config_resolved.yaml").read_text(encoding="utf-8") for run in runs]
    assert re.search(r"^  seed: 4$", configs[1], re.MULTILINE)
    assert segtrail("verify", runs[1]).exit_code == 0


def test_the_summary_holds_the_means_of_the_runs_and_their_spread(seeds_dir: Path) -> None:
    summary = read_json(seeds_dir / "metrics_summary.json")
    runs = [seeds_dir.parents[1] / "runs" / seed["run_id"] for seed in summary["seeds"]]
    dice = [
        read_json(run / "metrics_summary.json")["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
        for run in runs
    ]
    assert [seed["splits"]["val"]["ball"]["dice"] for seed in summary["seeds"]] == dice
    spread = summary["between_seeds"]["val"]["ball"]["dice"]
    assert spread == {
        "n_seeds": 2,
        "mean": pytest.approx(fmean(dice)),
        "sd": pytest.approx(stdev(dice)),
        "min": min(dice),
        "max": max(dice),
    }


def test_the_history_holds_all_epochs_of_all_seeds_and_the_picture_a_line_for_each(seeds_dir: Path) -> None:
    with (seeds_dir / "history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["seed"], row["epoch"]) for row in rows] == [("3", "1"), ("3", "2"), ("4", "1"), ("4", "2")]
    assert rows[0]["train_loss"] != rows[2]["train_loss"]
    picture = (seeds_dir / "curves.svg").read_text(encoding="utf-8")
    assert picture.count('id="line2d_') > 4


def test_the_table_gives_every_seed_and_the_spread(seeds_dir: Path, segtrail: Command) -> None:
    lines = [line.split() for line in segtrail("seeds", "--resume", seeds_dir).stdout.splitlines()]
    assert [line[0] for line in lines if line[1:3] == ["val", "ball"]] == [
        "3",
        "4",
        "mean",
        "sd",
        "min",
        "max",
    ]


@pytest.mark.parametrize(
    ("file", "schema"),
    [("seeds.json", "seeds.schema.json"), ("metrics_summary.json", "seeds_metrics_summary.schema.json")],
)
def test_a_file_follows_its_schema_and_the_page_explains_every_key(
    seeds_dir: Path, file: str, schema: str
) -> None:
    content, rules = read_json(seeds_dir / file), read_json(DOCS / "schemas" / schema)
    assert [error.message for error in Draft202012Validator(rules).iter_errors(content)] == []
    assert list(Draft202012Validator(rules).iter_errors({**content, "surprise": 1})) != []
    pages = "".join(
        (DOCS / name).read_text(encoding="utf-8")
        for name in ("seeds.md", "cross-validation.md", "run-folder.md")
    )
    assert {name for name in property_names(rules) if f"`{name}`" not in pages} == set()


def property_names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for value in part.values():
            yield from property_names(value)


def test_no_path_of_this_machine_lies_in_the_folder(finished_seeds_dir: Path) -> None:
    home = str(finished_seeds_dir.parents[2])
    files = [path for path in finished_seeds_dir.iterdir() if path.stat().st_size]
    assert [path for path in files if home in path.read_text(encoding="utf-8")] == []


def test_a_series_that_was_stopped_goes_on_with_the_seed_that_is_missing(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run = entry_training.train_run

    def fail_at_second(config: Any, *arguments: Any, **options: Any) -> Any:
        if config.train.seed == 4:
            raise TrainingFailed("The loss is not finite.")
        return train_run(config, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(entry_training, "train_run", fail_at_second)
        result = segtrail("seeds", tiny_config, *CHANGES, "--n", 2)
    assert result.exit_code == 1
    assert "1 of 2 seeds are done; `segtrail seeds --resume " in result.stderr
    series = only_series(tmp_path)
    before = read_json(series / "seeds.json")["seeds"]
    assert [entry["status"] for entry in before] == ["finished", "failed"]
    assert segtrail("seeds", "--resume", series).exit_code == 0
    after = read_json(series / "seeds.json")["seeds"]
    assert (after[0], after[1]["status"]) == (before[0], "finished")


def test_a_run_that_was_trained_with_another_seed_is_trained_again(
    seeds_dir: Path, segtrail: Command
) -> None:
    record = read_json(seeds_dir / "seeds.json")
    record["seeds"][1]["run_id"] = record["seeds"][0]["run_id"]
    (seeds_dir / "seeds.json").write_text(json.dumps(record), encoding="utf-8")
    result = segtrail("seeds", "--resume", seeds_dir)
    assert result.exit_code == 0, result.stderr
    assert "Seed 4 (2 of 2) is trained again: " in result.stdout
    assert "was trained with another seed" in result.stdout


@pytest.mark.parametrize("n", [0, 1, 101])
def test_too_few_or_too_many_seeds_are_refused(
    tmp_path: Path, tiny_config: Path, segtrail: Command, n: int
) -> None:
    result = segtrail("seeds", tiny_config, "--n", n)
    assert result.exit_code == 2
    assert f"{n} seeds are asked for" in result.stderr
    assert not (tmp_path / "outputs" / "seeds").exists()


def test_settings_are_refused_beside_resume(seeds_dir: Path, segtrail: Command) -> None:
    result = segtrail("seeds", "--resume", seeds_dir, "--n", 3)
    assert result.exit_code == 2
    assert "begin another series of seeds" in result.stderr


def test_a_run_of_two_stages_gets_the_seed_in_every_stage(
    tmp_path: Path, staged_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[set[int]] = []

    def note(config: Any, *_: Any, **__: Any) -> Any:
        seeds.append({config.train.seed, *(stage.train.seed for stage in config.stages.values())})
        raise TrainingFailed("enough")

    monkeypatch.setattr(entry_training, "train_run", note)
    segtrail("seeds", staged_config, "train.seed=8", "--n", 2)
    segtrail("seeds", "--resume", only_series(tmp_path))
    assert seeds == [{8}, {8}]
