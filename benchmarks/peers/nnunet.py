"""nnU-Net in a virtual environment of its own, with its three folders: what the benchmarks beside it share."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# torchvision has no build beside the CPU build of torch, so that both come with CUDA; they run on the CPU.
TORCH = ("torch==2.14.1", "torchvision==0.29.1")
NNUNET = "nnunetv2==2.8.1"
CONFIGURATION = "3d_fullres"


@dataclass(frozen=True)
class NnUNet:
    """An installation and its folders.

    Attributes:
        folder: Holds nnU-Net's folders and trainers of our own.
        programs: Folder of the programs of its virtual environment.
    """

    folder: Path
    programs: Path

    @classmethod
    def below(cls, folder: Path, venv: Path | None = None) -> "NnUNet":
        """Return an installation that lies in a folder, or one that is there already."""
        return cls(folder, (venv or folder / "venv").resolve() / ("Scripts" if os.name == "nt" else "bin"))

    def install(self) -> None:
        """Make the virtual environment; torch is named again, so that pip takes no other one."""
        if shutil.which("nnUNetv2_train", path=str(self.programs)):
            return
        run([sys.executable, "-m", "venv", str(self.programs.parent)])
        pip = [str(self.programs / "python"), "-m", "pip", "install", "--quiet"]
        run([*pip, *TORCH])
        run([*pip, NNUNET, *TORCH])

    def raw(self, dataset: str) -> Path:
        """Return the raw folder of a data set."""
        return self.folder / "nnUNet_raw" / dataset

    def preprocessed(self, dataset: str) -> Path:
        """Return the preprocessed folder of a data set."""
        return self.folder / "nnUNet_preprocessed" / dataset

    def add_trainer(self, name: str, text: str) -> None:
        """Write a trainer of our own where nnU-Net finds it."""
        self._trainers.mkdir(parents=True, exist_ok=True)
        (self._trainers / f"{name}.py").write_text(text, encoding="utf-8", newline="\n")

    def environment(self) -> dict[str, str]:
        """Return the variables that nnU-Net asks for, and make the folders that they name."""
        names = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
        for name in names:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return {
            **os.environ,
            **{name: str(self.folder / name) for name in names},
            "nnUNet_extTrainer": str(self._trainers),
            "nnUNet_def_n_proc": "1",  # eight processes by default, each with a gigabyte of libraries
            "nnUNet_n_proc_DA": "1",  # 0 is allowed in training, but planning fails with it
            "PATH": f"{self.programs}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    @property
    def _trainers(self) -> Path:
        return self.folder / "trainers"

    def convert(self, data: Path, dataset: str, is_wanted: Callable[[int, str], bool]) -> None:
        """Write a decathlon data set as a raw folder of nnU-Net, whose own converter wants ``imagesTs`` too.

        Args:
            data: The data set.
            dataset: Its name for nnU-Net, ``DatasetNNN_Name``.
            is_wanted: Is asked for each case by its place and name.
        """
        description = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
        raw = self.raw(dataset)
        for name in ("imagesTr", "labelsTr"):
            (raw / name).mkdir(parents=True, exist_ok=True)
        cases = [
            (Path(entry["image"]).name.removesuffix(".nii.gz"), entry) for entry in description["training"]
        ]
        wanted = [pair for place, pair in enumerate(cases) if is_wanted(place, pair[0])]
        for case, entry in wanted:
            shutil.copy(data / entry["image"], raw / "imagesTr" / f"{case}_0000.nii.gz")
            shutil.copy(data / entry["label"], raw / "labelsTr" / f"{case}.nii.gz")
        content = {
            "channel_names": description["modality"],
            "labels": {name: int(value) for value, name in description["labels"].items()},
            "numTraining": len(wanted),
            "file_ending": ".nii.gz",
        }
        write_json(raw / "dataset.json", content)

    def plan(self, dataset: str, options: Sequence[str] = ()) -> None:
        """Let nnU-Net plan and preprocess a data set, with more options of its command."""
        number = str(int(dataset.removeprefix("Dataset")[:3]))
        one_process = ["-np", "1", "-npfp", "1"]
        arguments = ["-d", number, "-c", CONFIGURATION, *one_process, "--verify_dataset_integrity", *options]
        run([str(self.programs / "nnUNetv2_plan_and_preprocess"), *arguments], self.environment())


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command; what it prints goes to the standard error, so that the output stays ours."""
    subprocess.run(command, check=True, env=environment, stdout=sys.stderr)


def write_json(path: Path, content: Any) -> None:
    """Write a file for nnU-Net."""
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8", newline="\n")
