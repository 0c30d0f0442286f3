"""The weights that a run keeps: of the best or of the last epoch, as they are or averaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from segtrail.experiment import validation
from segtrail.training.loop import Validated

Command = Callable[..., Any]


def only_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def load(run: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(run / "checkpoints" / f"{name}.pt", weights_only=True)
    return content


def selection_of(run: Path) -> dict[str, Any]:
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = summary["selection"]
    return found


def same_weights(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture
def falling_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every validation scores less than the one before."""
    validated = iter([Validated(0.9), Validated(0.1)])
    monkeypatch.setattr(validation.Validation, "__call__", lambda *_: next(validated))


@pytest.mark.usefixtures("falling_scores")
def test_the_best_epoch_is_kept_and_its_score_called_optimistic(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    result = segtrail("train", tiny_config, "report.enabled=false")
    assert load(only_run(tmp_path), "best")["epoch"] == 1
    selection = selection_of(only_run(tmp_path))
    assert (selection["best_epoch"], selection["best_epoch_val_dice"]) == (1, 0.9)
    assert "optimistic" in selection["caution"]
    assert "(best)" in result.stdout
    assert "of epoch 1, the best:" in result.stdout


@pytest.mark.usefixtures("falling_scores")
def test_the_last_epoch_is_kept_where_the_validation_cases_are_to_choose_nothing(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    result = segtrail("train", tiny_config, "report.enabled=false", "train.keep=last")
    assert load(only_run(tmp_path), "best")["epoch"] == 2
    selection = selection_of(only_run(tmp_path))
    assert selection["rule"] == "the last epoch, whatever its val_dice"
    assert (selection["best_epoch"], selection["best_epoch_val_dice"]) == (2, 0.1)
    assert selection["caution"] == ""
    assert "(best)" not in result.stdout
    assert "of epoch 2, the last:" in result.stdout


def test_averaged_weights_are_what_is_validated_kept_and_used(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    overrides = ["train.ema_decay=0.9", "train.keep=last", "report.enabled=false"]
    assert segtrail("train", tiny_config, *overrides).exit_code == 0
    run = only_run(tmp_path)
    best, last = load(run, "best"), load(run, "last")
    assert same_weights(best["networks"]["main"], last["networks"]["main"])
    assert not same_weights(best["networks"]["main"], last["network_in_training"])
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    evaluated = summary["splits"]["val"]["ball"]["metrics"]["dice"]["mean"]
    assert summary["selection"]["last_epoch_val_dice"] == pytest.approx(evaluated, abs=1e-12)


def test_without_an_average_the_weights_in_training_are_kept_once(
    tmp_path: Path, tiny_config: Path, segtrail: Command
) -> None:
    assert segtrail("train", tiny_config, "train.max_epochs=1", "report.enabled=false").exit_code == 0
    assert "network_in_training" not in load(only_run(tmp_path), "last")
