"""Scripts that stand for other people's trainings, and records of them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

TRAINING = """
import os, sys
from pathlib import Path

import settings

data, outputs = Path(sys.argv[1]), Path(os.environ["SEGTRAIL_OUTPUTS"])
maps = Path("maps")
maps.mkdir(exist_ok=True)
for case in ("case_2", "case_3"):
    label = (data / "labelsTr" / f"{case}.nii.gz").read_bytes()
    (maps / f"{case}.nii.gz").write_bytes(label)
print("learning rate", settings.LEARNING_RATE)
print("data in", data.resolve())
(outputs / "weights.pt").write_bytes(b"of another program")
(outputs / "history.csv").write_text(
    "epoch,train_loss,val_dice,learning_rate\\n1,0.9,0.2,0.01\\n2,0.4,0.7,0.005\\n", encoding="utf-8"
)
"""


@pytest.fixture
def home(tmp_path: Path, make_dataset: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set in ``data`` and a training in ``train.py``."""
    monkeypatch.chdir(tmp_path)
    make_dataset()
    (tmp_path / "train.py").write_text(TRAINING, encoding="utf-8")
    (tmp_path / "settings.py").write_text("LEARNING_RATE = 0.01\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run_python(home: Path, segtrail: Command) -> Command:
    """Record a Python script given as text, with options before it; return the answer and the folder of the record."""

    def run(code: str, *options: object, arguments: tuple[str, ...] = ()) -> tuple[Any, Path]:
        (home / "script.py").write_text(code, encoding="utf-8")
        answer = segtrail("record", "--no-report", *options, "--", sys.executable, "script.py", *arguments)
        (folder,) = (home / "outputs" / "runs").iterdir()
        return answer, folder

    return run


@pytest.fixture
def record_training(home: Path, segtrail: Command) -> Command:
    """Record the training in ``train.py``, its label maps measured, and return the folder of the record."""

    def record(*options: object) -> Path:
        measured = ("--outputs", "maps", "--predictions", "maps", "--references", "data/labelsTr")
        answer = segtrail(
            "record",
            "--no-report",
            "--data",
            "data",
            *measured,
            *options,
            "--",
            sys.executable,
            "train.py",
            "data",
        )
        assert answer.exit_code == 0, answer.stderr
        (folder,) = (home / "outputs" / "runs").iterdir()
        return Path(folder)

    return record
