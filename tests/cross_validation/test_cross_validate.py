"""A cross-validation: each fold a run, gone on with fold by fold, all cases pooled."""

import csv
import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import yaml
from filelock import FileLock

from run_copies import copy_run
from segtrail.errors import Interrupted, TrainingFailed
from segtrail.evaluation.records import SELECTION_CAUTION
from segtrail.record.local_paths import recall_data_root
from segtrail.run_series import entry_training
from segtrail.training import loop

Command = Callable[..., Any]
CHANGES = ("split.val=null", "train.max_epochs=1", "report.enabled=false")


@pytest.fixture
def cv_dir(tmp_path: Path, finished_cv_dir: Path) -> Path:
    """A copy of the finished cross-validation, with its runs, that a test may change."""
    copy_run(finished_cv_dir.parents[1], tmp_path / "outputs")
    return tmp_path / "outputs" / "cv" / finished_cv_dir.name


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stop where a fold would be trained, and keep the notes of the runs that were asked for."""
    asked: list[str] = []

    def stop(_config: Any, _narrator: Any, note: str, *_: Any) -> None:
        asked.append(note)
        raise TrainingFailed("The loss is not finite.")

    monkeypatch.setattr(entry_training, "train_run", stop)
    return asked


def interrupt_second_fold(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    train_run = entry_training.train_run

    def interrupted(config: Any, narrator: Any, note: str, *more: Any) -> Any:
        if note.startswith("fold 2"):
            raise error
        return train_run(config, narrator, note, *more)

    monkeypatch.setattr(entry_training, "train_run", interrupted)


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(read_json(path) | changes), encoding="utf-8")


def read_table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def without_runs(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key != "run_id"} for row in rows]


def run_of(cv: Path, fold: int) -> Path:
    return cv.parents[1] / "runs" / read_json(cv / "cv.json")["folds"][fold - 1]["run_id"]


def only_cv(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "outputs" / "cv").iterdir()
    return folder


@pytest.mark.requirement("TRN-06")
def test_every_case_is_validated_once_by_a_run_that_did_not_train_on_it(finished_cv_dir: Path) -> None:
    record = read_json(finished_cv_dir / "cv.json")
    assert sorted(case for fold in record["folds"] for case in fold["val"]) == [
        f"case_{number}" for number in range(4)
    ]
    for number, fold in enumerate(record["folds"], start=1):
        run = run_of(finished_cv_dir, number)
        split = read_json(run / "dataset_summary.json")["split"]
        assert (split["train"], split["val"], split["test"]) == (fold["train"], fold["val"], [])
        assert read_json(run / "run.json")["note"] == f"fold {number} of 2 of {finished_cv_dir.name}: a note"


def test_the_pooled_table_holds_the_rows_of_the_runs(finished_cv_dir: Path) -> None:
    expected = []
    for fold in (1, 2):
        run = run_of(finished_cv_dir, fold)
        expected += [{"fold": str(fold), "run_id": run.name, **row} for row in read_table(run)]
    assert read_table(finished_cv_dir) == expected


def test_the_summary_gives_means_over_cases_within_and_between_folds(finished_cv_dir: Path) -> None:
    summary, rows = read_json(finished_cv_dir / "metrics_summary.json"), read_table(finished_cv_dir)
    of_fold = {fold: [float(row["dice"]) for row in rows if row["fold"] == fold] for fold in ("1", "2")}
    means = [fmean(values) for values in of_fold.values()]
    pooled = summary["pooled"]["ball"]
    assert (pooled["n"], pooled["n_failed"]) == (4, 0)
    assert pooled["metrics"]["dice"]["mean"] == pytest.approx(fmean(float(row["dice"]) for row in rows))
    assert [fold["classes"]["ball"]["means"]["dice"] for fold in summary["folds"]] == pytest.approx(means)
    between = summary["between_folds"]["ball"]["dice"]
    assert (between["n_folds"], between["mean"]) == (2, pytest.approx(fmean(means)))
    assert between["sd"] == pytest.approx(stdev(means))


def test_no_machine_path_stands_in_the_folder_and_each_run_has_its_own_log(finished_cv_dir: Path) -> None:
    home = str(finished_cv_dir.parents[2])
    assert [path for path in finished_cv_dir.iterdir() if home in path.read_text(encoding="utf-8")] == []
    for fold in (1, 2):
        log = (run_of(finished_cv_dir, fold) / "train.log").read_text(encoding="utf-8")
        assert f"Fold {fold} of 2: " in log
        assert f"Fold {3 - fold} of 2: " not in log


def test_the_validation_cases_are_only_cautioned_against_where_they_chose_the_epoch(
    cv_dir: Path, segtrail: Command
) -> None:
    assert read_json(cv_dir / "metrics_summary.json")["selection"] == {
        "keep": "best",
        "caution": SELECTION_CAUTION,
    }
    assert SELECTION_CAUTION in segtrail("cv", "--resume", cv_dir).stdout
    config = cv_dir / "config_resolved.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("keep: best", "keep: last"), encoding="utf-8")
    assert SELECTION_CAUTION not in segtrail("cv", "--resume", cv_dir).stdout
    assert read_json(cv_dir / "metrics_summary.json")["selection"] == {"keep": "last", "caution": None}


def test_the_table_that_is_printed_names_every_case_the_folds_and_the_failed(
    cv_dir: Path, segtrail: Command, no_training: list[str]
) -> None:
    table = run_of(cv_dir, 1) / "metrics_cases.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",ok,", ",missed,", 1), encoding="utf-8")
    lines = [line.split() for line in segtrail("cv", "--resume", cv_dir).stdout.splitlines()]
    assert no_training == []
    (first,) = [line for line in lines if line[1:2] == ["case_2"]]
    assert (first[0], first[-1]) == ("1", "missed")
    (pooled,) = [line for line in lines if line[:4] == ["all", "mean", "of", "4"]]
    assert pooled[-2:] == ["1", "failed"]
    assert [line[:4] for line in lines if line[1:2] == ["mean"]][:2] == [
        ["1", "mean", "of", "2"],
        ["2", "mean", "of", "2"],
    ]


def test_columns_that_a_later_table_has_are_pooled_too(cv_dir: Path, segtrail: Command) -> None:
    for fold in (1, 2):
        table = run_of(cv_dir, fold) / "metrics_cases.csv"
        heading, *rows = table.read_text(encoding="utf-8").splitlines()
        lines = [f"{heading},guard", *(f"{row},widened" for row in rows)]
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert segtrail("cv", "--resume", cv_dir).exit_code == 0
    assert {row["guard"] for row in read_table(cv_dir)} == {"widened"}


def test_cases_that_belong_together_are_validated_together_and_test_cases_not_at_all(
    tmp_path: Path, tiny_config: Path, segtrail: Command, no_training: list[str]
) -> None:
    split = "split={val: null, test: [case_3], groups: {patient: [case_0, case_2]}}"
    assert segtrail("cv", tiny_config, split, "report.enabled=false", "--folds", 2).exit_code == 1
    folds = read_json(only_cv(tmp_path) / "cv.json")["folds"]
    assert [fold["val"] for fold in folds] == [["case_0", "case_2"], ["case_1"]]
    assert len(no_training) == 1


@pytest.mark.parametrize("error", [Interrupted("Ctrl-C came."), KeyboardInterrupt("SIGTERM came")])
def test_an_interrupted_fold_is_gone_on_with_and_gives_what_an_unbroken_one_gives(
    tmp_path: Path,
    tiny_config: Path,
    finished_cv_dir: Path,
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    with monkeypatch.context() as patched:
        interrupt_second_fold(patched, error)
        stopped = segtrail("cv", tiny_config, *CHANGES, "--folds", 2)
    cv = only_cv(tmp_path)
    record = read_json(cv / "cv.json")
    assert stopped.exit_code == 130
    assert "1 of 2 folds are done; `segtrail cv --resume " in stopped.stderr
    assert str(cv) in stopped.stderr
    assert (record["status"], record["ended_because"]) == ("interrupted", str(error).rstrip("."))
    assert [fold["status"] for fold in record["folds"]] == ["finished", "interrupted"]

    assert segtrail("cv", "--resume", "latest", "--output-root", tmp_path / "outputs").exit_code == 0
    again = read_json(cv / "cv.json")
    assert again["status"] == "finished"
    assert again["folds"][0] == record["folds"][0]
    assert len(list((tmp_path / "outputs" / "runs").iterdir())) == 2
    assert without_runs(read_table(cv)) == without_runs(read_table(finished_cv_dir))


def test_a_kill_between_the_folds_loses_nothing(
    tmp_path: Path, tiny_config: Path, finished_cv_dir: Path, segtrail: Command
) -> None:
    code = (
        "import os, sys\nfrom segtrail.cli import main\nfrom segtrail.run_series import entry_training\n"
        "train_run = entry_training.train_run\n"
        "def killed(config, narrator, note, *more):\n"
        "    return os._exit(9) if note.startswith('fold 2') else train_run(config, narrator, note, *more)\n"
        "entry_training.train_run = killed\n"
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "cv", str(tiny_config), *CHANGES, "--folds", "2"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 9
    cv = only_cv(tmp_path)
    record = read_json(cv / "cv.json")
    assert (record["status"], [fold["status"] for fold in record["folds"]]) == (
        "running",
        ["finished", "running"],
    )
    assert segtrail("cv", "--resume", cv).exit_code == 0
    assert read_json(cv / "cv.json")["folds"][0] == record["folds"][0]
    assert without_runs(read_table(cv)) == without_runs(read_table(finished_cv_dir))


@pytest.fixture
def stopped_in_second_fold(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A cross-validation that SIGTERM stopped while the network of its second fold was trained."""
    steps = [0]
    run_step = loop.Training._run_step

    def count(*arguments: Any) -> Any:
        steps[0] += 1
        if steps[0] == 5:
            signal.raise_signal(signal.SIGTERM)
        return run_step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_run_step", count)
        assert segtrail("cv", tiny_config, *CHANGES, "--folds", "2").exit_code == 130
    cv = only_cv(tmp_path)
    assert [fold["status"] for fold in read_json(cv / "cv.json")["folds"]] == ["finished", "interrupted"]
    return cv


def test_the_run_that_was_stopped_goes_on(
    stopped_in_second_fold: Path, finished_cv_dir: Path, segtrail: Command
) -> None:
    cv = stopped_in_second_fold
    run = run_of(cv, 2)
    assert segtrail("cv", "--resume", cv).exit_code == 0
    assert run_of(cv, 2) == run
    assert len(read_json(run / "run.json")["resumed"]) == 1
    assert without_runs(read_table(cv)) == without_runs(read_table(finished_cv_dir))


def test_a_run_that_can_not_go_on_with_the_same_bits_is_trained_anew(
    stopped_in_second_fold: Path, finished_cv_dir: Path, segtrail: Command
) -> None:
    cv = stopped_in_second_fold
    run = run_of(cv, 2)
    state = read_json(run / "run.json")
    edit_json(run / "run.json", device=state["device"] | {"threads": 7})
    result = segtrail("cv", "--resume", cv)
    assert result.exit_code == 0, result.stderr
    assert "Fold 2 of 2 is trained anew, since its run can't be gone on with" in result.stdout
    assert run_of(cv, 2) != run
    assert without_runs(read_table(cv)) == without_runs(read_table(finished_cv_dir))


def fill_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "history.csv")


def test_a_disk_that_is_full_stops_the_run_in_hand_and_it_goes_on_later(
    stopped_in_second_fold: Path,
    finished_cv_dir: Path,
    segtrail: Command,
    monkeypatch: pytest.MonkeyPatch,
    no_training: list[str],
) -> None:
    cv = stopped_in_second_fold
    run = run_of(cv, 2)
    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_run_step", fill_disk)
        full = segtrail("cv", "--resume", cv)
    assert full.exit_code == 2
    assert f"`segtrail resume {run}` then goes on with the run." in full.stderr
    assert segtrail("cv", "--resume", cv).exit_code == 0
    assert no_training == []
    assert run_of(cv, 2) == run
    assert without_runs(read_table(cv)) == without_runs(read_table(finished_cv_dir))


@pytest.mark.parametrize("name", ["run.json", "config_resolved.yaml", "journal.jsonl", "checkpoints/last.pt"])
def test_a_run_whose_folder_is_damaged_is_trained_anew(
    stopped_in_second_fold: Path, segtrail: Command, no_training: list[str], name: str
) -> None:
    cv = stopped_in_second_fold
    (run_of(cv, 2) / name).write_bytes(b"[damaged\n")
    result = segtrail("cv", "--resume", cv)
    assert "Fold 2 of 2 is trained anew, since its run can't be gone on with" in result.stdout
    assert no_training == [f"fold 2 of 2 of {cv.name}"]


def test_a_finished_one_is_pooled_again_and_trains_nothing(
    cv_dir: Path, segtrail: Command, no_training: list[str]
) -> None:
    before = {path.name: path.read_bytes() for path in cv_dir.glob("metrics_*")}
    for name in before:
        (cv_dir / name).unlink()
    assert segtrail("cv", "--resume", cv_dir).exit_code == 0
    assert no_training == []
    assert {path.name: path.read_bytes() for path in cv_dir.glob("metrics_*")} == before


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, "has no run.json"),
        (lambda run: edit_json(run / "run.json", status="failed"), "is failed"),
        (lambda run: edit_json(run / "dataset_summary.json", fingerprint="0"), "was trained on other data"),
        (lambda run: (run / "metrics_cases.csv").write_text("case,class\nx\n"), "is damaged"),
        (lambda run: (run / "metrics_summary.json").unlink(), "has no metrics_summary.json"),
        (
            lambda run: (run / "metrics_cases.csv").write_text(
                (run / "metrics_cases.csv").read_text().replace("case_2", "case_9")
            ),
            "measured other cases",
        ),
    ],
)
def test_a_fold_whose_run_is_not_whole_is_trained_again(
    cv_dir: Path,
    segtrail: Command,
    no_training: list[str],
    spoil: Callable[[Path], None],
    sentence: str,
) -> None:
    spoil(run_of(cv_dir, 1))
    result = segtrail("cv", "--resume", cv_dir)
    assert result.exit_code == 1
    assert "Fold 1 of 2 is trained again: " in result.stdout
    assert sentence in result.stdout
    assert no_training == [f"fold 1 of 2 of {cv_dir.name}: a note"]
    record = read_json(cv_dir / "cv.json")
    assert record["status"] == "failed"
    assert [fold["status"] for fold in record["folds"]] == ["failed", "finished"]


def test_a_training_that_fails_stops_the_others_and_says_how_to_go_on(
    tmp_path: Path, tiny_config: Path, segtrail: Command, no_training: list[str]
) -> None:
    result = segtrail("cv", tiny_config, *CHANGES, "--folds", 4)
    record = read_json(only_cv(tmp_path) / "cv.json")
    assert result.exit_code == 1
    assert "The loss is not finite. 0 of 4 folds are done; `segtrail cv --resume " in result.stderr
    assert len(no_training) == 1
    assert [fold["status"] for fold in record["folds"]] == ["failed", "waiting", "waiting", "waiting"]
    assert record["folds"][0]["error"] == record["ended_because"] == "The loss is not finite."


def test_a_configuration_that_no_fold_can_be_trained_with_leaves_nothing(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    result = segtrail("cv", tiny_config, *CHANGES, "patch.patch_size=[15, 16, 8]", "--folds", 2)
    assert result.exit_code == 2
    assert "--resume" not in result.stderr
    assert list((tmp_path / "outputs" / "cv").iterdir()) == []
    assert list((tmp_path / "outputs" / "local_paths").iterdir()) == []


def test_data_that_changed_are_refused_and_nothing_is_written(
    cv_dir: Path, tmp_path: Path, finished_cv_dir: Path, segtrail: Command
) -> None:
    data_root = recall_data_root(finished_cv_dir)
    assert data_root is not None
    data = shutil.copytree(data_root, tmp_path / "data")
    before = (cv_dir / "cv.json").read_bytes()
    edit_json(data / "dataset.json", release="1.1")
    result = segtrail("cv", "--resume", cv_dir, "--data", data)
    assert result.exit_code == 2
    assert f"are not those that {cv_dir.name} began with" in result.stderr
    assert (cv_dir / "cv.json").read_bytes() == before


def test_data_that_change_while_a_fold_is_trained_stop_it(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run = entry_training.train_run

    def change_and_train(*arguments: Any) -> Any:
        edit_json(tmp_path / "data" / "dataset.json", release="1.1")
        return train_run(*arguments)

    monkeypatch.setattr(entry_training, "train_run", change_and_train)
    result = segtrail("cv", tiny_config, *CHANGES, "--folds", 2)
    assert result.exit_code == 2
    assert "The data changed while" in result.stderr


def test_data_that_lie_elsewhere_now_are_named(
    cv_dir: Path, tmp_path: Path, finished_cv_dir: Path, segtrail: Command
) -> None:
    data_root = recall_data_root(finished_cv_dir)
    assert data_root is not None
    shutil.copytree(data_root, tmp_path / "moved, data")
    shutil.rmtree(tmp_path / "outputs" / "local_paths")
    asked = segtrail("cv", "--resume", cv_dir)
    assert asked.exit_code == 2
    assert "--data DIR" in asked.stderr
    assert segtrail("cv", "--resume", cv_dir, "--data", tmp_path / "moved, data").exit_code == 0
    assert recall_data_root(cv_dir) == tmp_path / "moved, data"


def test_other_versions_are_said_and_recorded(cv_dir: Path, segtrail: Command) -> None:
    environment = read_json(cv_dir / "cv.json")["environment"]
    edit_json(cv_dir / "cv.json", environment=environment | {"torch": "0.1"}, segtrail_version="0.0.9")
    result = segtrail("cv", "--resume", cv_dir)
    assert result.exit_code == 0
    assert f"torch {environment['torch']} (was 0.1)" in result.stdout
    assert "(was 0.0.9)" in result.stdout
    record = read_json(cv_dir / "cv.json")
    assert record["environment"]["torch"] == "0.1"
    assert [entry["environment"] for entry in record["resumed"]] == [environment]


def test_a_second_command_is_kept_out_while_one_works(cv_dir: Path, segtrail: Command) -> None:
    with FileLock(cv_dir / ".lock"):
        result = segtrail("cv", "--resume", cv_dir)
    assert result.exit_code == 2
    assert "Another segtrail cv works in" in result.stderr


def test_json_is_the_record_with_the_summary(cv_dir: Path, segtrail: Command) -> None:
    answer = json.loads(segtrail("cv", "--resume", cv_dir, "--json").stdout)
    assert answer.pop("summary") == read_json(cv_dir / "metrics_summary.json")
    assert answer.pop("cv_dir") == str(cv_dir)
    assert answer == read_json(cv_dir / "cv.json")


def test_the_output_root_may_be_given_as_an_option(
    tmp_path: Path, tiny_config: Path, segtrail: Command, no_training: list[str]
) -> None:
    segtrail("cv", "--config", tiny_config, *CHANGES, "--output-root", tmp_path / "elsewhere")
    assert no_training == []  # four cases make no five folds
    segtrail("cv", "--config", tiny_config, *CHANGES, "--folds", 2, "--output-root", tmp_path / "elsewhere")
    (cv,) = (tmp_path / "elsewhere" / "cv").iterdir()
    config = yaml.safe_load((cv / "config_resolved.yaml").read_text(encoding="utf-8"))
    assert config["paths"]["output_root"] == "${output_root}"
    assert no_training == [f"fold 1 of 2 of {cv.name}"]
