"""Verifying raises no alarm on honest runs, whatever honest people do with their folders. Slow: it trains twenty."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_copies import copy_run
from segtrail.record.manifest import TEXT_SUFFIXES

Command = Callable[..., Any]


@pytest.mark.requirement("VER-02")
@pytest.mark.slow
def test_twenty_honest_runs_moved_copied_zipped_and_checked_out_raise_no_alarm(
    tmp_path: Path, tiny_config: Path, staged_config: Path, segtrail: Command
) -> None:
    options = [
        *[[tiny_config, f"train.seed={seed}", "train.max_epochs=1"] for seed in range(8)],
        *[[tiny_config, "train.keep=last", f"train.num_workers={workers}"] for workers in range(3)],
        [tiny_config, "train.ema_decay=0.9"],
        [tiny_config, "train.validate_every=2"],
        [tiny_config, "report.enabled=false"],
        [tiny_config, "split.test=[case_1]"],
        [tiny_config, "project.operator=Ada Lovelace", "--note", "größer als 1"],
        *[[staged_config, f"train.seed={seed}"] for seed in range(4)],
    ]
    for number, command in enumerate(options):
        assert segtrail("train", *command, f"paths.output_root={tmp_path / str(number)}").exit_code == 0
    runs = sorted(tmp_path.glob("*/runs/run_*"))
    assert len(runs) == 20
    alarms = [
        (treat.__name__, run.name)
        for run in runs
        for treat in (as_it_is, copied, moved, zipped, checked_out)
        if segtrail("verify", treat(run)).exit_code != 0
    ]
    assert alarms == []


def as_it_is(run: Path) -> Path:
    return run


def copied(run: Path) -> Path:
    return copy_run(run, run.parents[1] / "copied" / run.name)


def moved(run: Path) -> Path:
    return Path(shutil.move(copied_to(run, "to_move"), run.parents[1] / "moved" / run.name))


def zipped(run: Path) -> Path:
    archive = shutil.make_archive(str(run.parents[1] / "archive"), "zip", run.parent, run.name)
    folder = run.parents[1] / "unzipped"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder / run.name


def checked_out(run: Path) -> Path:
    copy = copied_to(run, "checked_out")
    for path in copy.rglob("*"):
        if path.suffix in TEXT_SUFFIXES:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return copy


def copied_to(run: Path, name: str) -> Path:
    return copy_run(run, run.parents[1] / name / run.name)
