"""A trainer of nnU-Net that ends after a time, in place of a number of epochs."""

import json
import os
import time
from pathlib import Path

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainerTimed(nnUNetTrainer):  # noqa: N801 - nnU-Net looks trainers up by such names
    """nnU-Net's own trainer: its network, loss, optimiser and augmentation.

    Its learning rate falls with the time that has gone by, as nnU-Net's falls with the epochs. It validates once, at
    the end. ``TIMED_TRAINER_SECONDS`` says how long it trains; ``timed.json`` beside the checkpoint, how many steps
    that were.
    """

    def run_training(self) -> None:
        """Train until the time is over; the step that is in work then is finished."""
        self.on_train_start()
        seconds = float(os.environ["TIMED_TRAINER_SECONDS"])
        self.network.train()
        steps, elapsed, started = 0, 0.0, time.perf_counter()
        while elapsed < seconds:
            for group in self.optimizer.param_groups:
                group["lr"] = self.initial_lr * (1 - elapsed / seconds) ** 0.9
            self.train_step(next(self.dataloader_train))
            steps += 1
            elapsed = time.perf_counter() - started
        facts = {
            "steps": steps,
            "seconds": elapsed,
            "patch_size": [int(size) for size in self.configuration_manager.patch_size],
            "batch_size": int(self.batch_size),
        }
        (Path(self.output_folder) / "timed.json").write_text(json.dumps(facts), encoding="utf-8")
        self.on_train_end()

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """Segment without mirroring, which takes eight times as long."""
        self.inference_allowed_mirroring_axes = None
        super().perform_actual_validation(save_probabilities)
