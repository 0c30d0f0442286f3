"""docs/own-data.md is followed from top to bottom: every command there is run, one after the other."""

import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from segtrail.dataset.description import CaseFiles
from segtrail.onboarding.facts import CaseFacts, DataFacts
from segtrail.onboarding.plan_training import plan_training

Command = Callable[..., Any]
PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"
SHAPE = (20, 18, 14)


def commands_of_the_page() -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def add_case(image_files: list[str], label_file: str, values: tuple[int, ...] = (1,), air: int = 0) -> None:
    """Write images, and a label with a box for each value."""
    label = np.zeros(SHAPE, dtype=np.uint8)
    for number, value in enumerate(values):
        label[4 + 6 * number : 10 + 6 * number, 5:12, 4:9] = value
    for file in (*image_files, label_file):
        noise = np.random.default_rng(list(file.encode())).integers(0, 50, SHAPE)
        data = label if file == label_file else (noise + air + 60 * (label > 0)).astype(np.int16)
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(data, np.diag([1.0, 1.0, 2.0, 1.0])), file)


def make_the_folders_of_the_page() -> None:
    for case in ("case_01", "case_02"):
        add_case([f"my_scans/images/{case}.nii.gz"], f"my_scans/labels/{case}.nii.gz", (1, 2))
        add_case([f"lungs/{case}.nii.gz"], f"lungs/{case}_mask.nii.gz", (255,))
        brain = f"brain/{case}/{case}"
        add_case([f"{brain}_flair.nii.gz", f"{brain}_t1.nii.gz"], f"{brain}_seg.nii.gz")
        add_case([f"abdomen/ct/{case}.nii.gz"], f"abdomen/liver/{case}.nii.gz", air=-1000)
    for subject in ("sub-01", "sub-02"):
        for session in ("ses-1", "ses-2"):
            file = f"{subject}/{session}/{subject}_{session}_T1w"
            add_case([f"cohort/{file}.nii.gz"], f"cohort/derivatives/manual/{file}_dseg.nii.gz")
    for case in ("liver_0", "liver_1"):
        add_case(
            [f"Dataset001_Liver/imagesTr/{case}_0000.nii.gz"], f"Dataset001_Liver/labelsTr/{case}.nii.gz"
        )
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": 1},
        "file_ending": ".nii.gz",
    }
    Path("Dataset001_Liver/dataset.json").write_text(json.dumps(description), encoding="utf-8")


class Terminal(io.StringIO):
    """A person who says yes to everything."""

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        return "y\n"


def test_every_command_of_the_page_works_in_the_pages_order(
    tmp_path: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", Terminal())
    make_the_folders_of_the_page()
    for program, *arguments in commands_of_the_page():
        assert program == "segtrail"
        # The page's first training, of 30 epochs, is the same command for longer.
        is_long = arguments[0] == "train" and not any("max_epochs" in word for word in arguments)
        result = segtrail(*arguments, *(["train.max_epochs=2"] if is_long else []))
        assert result.exit_code == 0, f"{shlex.join(arguments)}: {result.stderr}"
    runs = list(Path("outputs/runs").iterdir())
    assert len(runs) == sum(words[1] == "train" for words in commands_of_the_page())
    assert all((run / "report.pdf").is_file() for run in runs)
    assert json.loads(Path("lungs/dataset.json").read_text(encoding="utf-8"))["renumbered"] == {"255": 1}


def test_the_pages_example_of_a_first_training_is_what_init_would_say() -> None:
    shape, spacing_mm = (320, 320, 110), (1.25, 1.25, 1.37)
    fact = CaseFacts("a", 1, shape, spacing_mm, (0.0, 900.0), (0.0, 1.0, 2.0), np.ones(9, np.float32))
    cases = [CaseFiles(str(number), ("a",), "b") for number in range(20)]
    plan = plan_training(DataFacts((fact,) * 20), cases)
    spacing = " x ".join(f"{mm:g}" for mm in plan.spacing_mm)
    patch = " x ".join(map(str, plan.patch_size))
    said = f"First training: {plan.max_epochs} epochs at {spacing} mm, on patches of {patch} voxels."
    assert said in PAGE.read_text(encoding="utf-8"), said
