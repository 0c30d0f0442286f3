"""configs/quick.yaml on the hearts that come with the project: the promise of the README."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
REPOSITORY = Path(__file__).parents[2]
MEASURED = ("seconds", "patches_per_second", "peak_memory_mb")


@pytest.fixture
def train_quick(
    tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[dict[str, str]]]:
    """Train with the quick configuration and give its history."""
    monkeypatch.chdir(REPOSITORY)

    def train(*overrides: str) -> list[dict[str, str]]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        cache = f"paths.cache_root={tmp_path / 'cache'}"
        result = segtrail("train", "configs/quick.yaml", f"paths.output_root={folder}", cache, *overrides)
        assert result.exit_code == 0, result.stderr
        (history,) = folder.glob("runs/*/history.csv")
        with history.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    return train


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_last_epoch_finds_the_atrium_of_hearts_it_never_saw(
    train_quick: Callable[..., list[dict[str, str]]], seed: int
) -> None:
    history = train_quick(f"train.seed={seed}")
    assert float(history[-1]["val_dice"]) >= 0.80


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_history(
    train_quick: Callable[..., list[dict[str, str]]],
) -> None:
    histories = [
        [
            {column: value for column, value in row.items() if column not in MEASURED}
            for row in train_quick(f"train.num_workers={workers}", "train.max_epochs=2")
        ]
        for workers in (0, 1, 2)
    ]
    assert histories[0] == histories[1] == histories[2]
