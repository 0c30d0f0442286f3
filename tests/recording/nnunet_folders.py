"""Folders as nnU-Net 2.8.1 leaves them, made small: texts are its own, label maps are balls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch

DATA_SET = "Dataset004_Hippocampus"
TRAINER = "nnUNetTrainer__nnUNetPlans__3d_fullres"
CASES = ("case_0", "case_1", "case_2", "case_3")
TRAIN, VALIDATION = list(CASES[:2]), list(CASES[2:])
HEADING = """
#######################################################################
Please cite the following paper when using nnU-Net:
#######################################################################
 
2026-11-27 18:38:35.573515: do_dummy_2d_data_aug: False 
2026-11-27 18:38:35.574162: Using splits from existing split file: /home/ada/nnUNet_preprocessed/splits_final.json 
2026-11-27 18:38:35.585633: Desired fold for training: 0 
2026-11-27 18:38:35.585827: This split has 2 training and 2 validation cases. 

This is the configuration used by this training:
Configuration name: 3d_fullres
 {'batch_size': 2} 
 
2026-11-27 18:38:36.378272: Unable to plot network architecture: 
2026-11-27 18:38:36.378387: No module named 'hiddenlayer' 
"""  # noqa: W291, W293 (nnU-Net ends its lines in a blank)
PLANS: dict[str, Any] = {
    "dataset_name": DATA_SET,
    "plans_name": "nnUNetPlans",
    "label_manager": "LabelManager",
    "configurations": {
        "3d_fullres": {
            "batch_size": 2,
            "patch_size": [16, 16, 8],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet"
            },
        },
        "3d_small": {"inherits_from": "3d_fullres", "batch_size": 1},
        "circle": {"inherits_from": "circle"},
    },
}
DATASET: dict[str, Any] = {
    "channel_names": {"0": "MRI"},
    "labels": {"background": 0, "Anterior": 1, "Posterior": 2},
    "numTraining": 4,
    "file_ending": ".nii.gz",
}
DEBUG = {
    "device": "cpu",
    "hostname": "ada-laptop",
    "lr_scheduler": "<nnunetv2.training.lr_scheduler.polylr.PolyLRScheduler object at 0x7f39cdbe1bd0>",
    "num_epochs": "3",
    "output_folder": "/home/ada/nnUNet_results/Dataset004_Hippocampus",
}


@dataclass(frozen=True)
class Epoch:
    """An epoch as it is logged; numbers from 1, where nnU-Net counts from 0."""

    number: int
    loss: float = 0.5
    dice: tuple[float, ...] = (0.5, 0.7)
    is_best: bool = False

    @property
    def lines(self) -> list[str]:
        dice = ", ".join(f"np.float32({value})" if np.isfinite(value) else "nan" for value in self.dice)
        lines = [
            "",
            f"Epoch {self.number - 1}",
            f"Current learning rate: {round(0.01 / self.number, 5)}",
            f"train_loss {round(self.loss, 4)}",
            f"val_loss {round(self.loss + 0.1, 4)}",
            f"Pseudo dice [{dice}]",
            "Epoch time: 12.34 s",
        ]
        return [*lines, "Yayy! New best EMA pseudo Dice: 0.6"] if self.is_best else lines


@dataclass
class NnunetFolders:
    """The three folders of nnU-Net under one root, with one trained fold."""

    root: Path
    fold_name: str = "fold_0"
    dataset: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(DATASET)))

    @property
    def raw(self) -> Path:
        return self.root / "nnUNet_raw" / DATA_SET

    @property
    def preprocessed(self) -> Path:
        return self.root / "nnUNet_preprocessed" / DATA_SET

    @property
    def results(self) -> Path:
        return self.root / "nnUNet_results"

    @property
    def trainer(self) -> Path:
        return self.results / DATA_SET / TRAINER

    @property
    def fold(self) -> Path:
        return self.trainer / self.fold_name

    def write(self) -> "NnunetFolders":
        """Write what a finished training leaves: three epochs, the second the best."""
        write_json(self.trainer / "plans.json", PLANS)
        write_json(self.trainer / "dataset.json", self.dataset)
        write_json(self.trainer / "dataset_fingerprint.json", {"spacings": [[1.0, 1.0, 2.0]] * 4})
        write_json(self.fold / "debug.json", DEBUG)
        write_json(self.preprocessed / "splits_final.json", [{"train": TRAIN, "val": VALIDATION}])
        (self.fold / "progress.png").write_bytes(b"\x89PNG")
        for case in CASES:
            write_labels(self.preprocessed / "gt_segmentations" / f"{case}.nii.gz")
        epochs = [Epoch(1, 0.5, is_best=True), Epoch(2, 0.4, is_best=True), Epoch(3, 0.3)]
        self.write_log(epochs)
        self.write_checkpoint("checkpoint_best.pth", epochs[:2])
        self.write_checkpoint("checkpoint_final.pth", epochs)
        self.write_validation(VALIDATION)
        return self

    def write_log(
        self,
        epochs: Sequence[Epoch],
        predicted: Sequence[str] = VALIDATION,
        *,
        day: int = 27,
        is_validated: bool = True,
    ) -> Path:
        lines = [line for epoch in epochs for line in epoch.lines]
        for case in predicted:
            lines += [f"predicting {case}", f"{case}, shape torch.Size([1, 16, 16, 8]), rank 0"]
        if is_validated:
            lines += ["Validation complete", "Mean Validation Dice:  0.9"]
        path = self.fold / f"training_log_2026_11_{day}_18_38_05.txt"
        timed = "".join(f"2026-11-{day} 18:39:19.268037: {line} \n" for line in lines)
        path.write_text(HEADING + timed, encoding="utf-8", newline="\n")
        return path

    def write_checkpoint(self, name: str, epochs: Sequence[Epoch], **other: Any) -> Path:
        """Write a checkpoint with its numbers as nnU-Net logs them, which are NumPy's."""
        starts = [1000.0 * epoch.number for epoch in epochs]
        logging = {
            "mean_fg_dice": [np.float32(np.nanmean(epoch.dice)) for epoch in epochs],
            "ema_fg_dice": [np.float64(0.5) for _ in epochs],
            "dice_per_class_or_region": [[np.float32(value) for value in epoch.dice] for epoch in epochs],
            "train_losses": [np.float32(epoch.loss) for epoch in epochs],
            "val_losses": [np.float32(epoch.loss + 0.1) for epoch in epochs],
            "lrs": [0.01 / epoch.number for epoch in epochs],
            "epoch_start_timestamps": starts,
            "epoch_end_timestamps": [start + 12.3456 for start in starts],
        }
        content = {
            "network_weights": {"weight": torch.ones(2)},
            "grad_scaler_state": None,
            "logging": logging,
            "_best_ema": np.float64(0.5),
            "current_epoch": len(epochs),
            "init_args": {"plans": PLANS, "device": torch.device("cpu")},
            **other,
        }
        torch.save(content, self.fold / name)
        return self.fold / name

    def write_validation(self, cases: Sequence[str]) -> None:
        for case in cases:
            write_labels(self.fold / "validation" / f"{case}.nii.gz")
        write_json(
            self.fold / "validation" / "summary.json",
            {
                "foreground_mean": {"Dice": 1.0},
                "metric_per_case": [
                    {
                        "metrics": {"1": {"Dice": 1.0}, "2": {"Dice": float("nan")}},
                        "prediction_file": f"/home/ada/nnUNet_results/validation/{case}.nii.gz",
                        "reference_file": f"/home/ada/gt_segmentations/{case}.nii.gz",
                    }
                    for case in cases
                ],
            },
        )


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4), encoding="utf-8", newline="\n")


def write_labels(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((6, 6, 4), np.uint8)
    labels[2:4, 2:4, 1:3] = 1
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([1.0, 1.0, 2.0, 1.0])), path)
