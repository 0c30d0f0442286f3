"""The peer: a training script as a good user of MONAI writes it from MONAI's documentation.

Dictionary transforms behind a ``CacheDataset``, a ``DataLoader`` with workers, several patches of each volume from
``RandCropByPosNegLabeld``, the augmentations of segtrail's configuration as MONAI has them, single precision, and
sliding windows that overlap by a quarter. It is not tuned beyond its learning rate, and nothing in it is made slow.

python benchmarks/peers/monai_training.py JOB.json EVENTS.jsonl

The job is a ``Job`` as JSON. Every event is a line of JSON with its seconds since the start.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader, Dataset, decollate_batch, list_data_collate
from monai.inferers import SlidingWindowInferer
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric
from monai.networks.nets import UNet
from monai.transforms import (
    AsDiscrete,
    Compose,
    EnsureChannelFirstd,
    Invertd,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    Spacingd,
    SpatialPadd,
)
from monai.utils import set_determinism
from torch import Tensor, nn

KEYS = ("image", "label")


@dataclass(frozen=True)
class Job:
    """What to train, on what.

    Attributes:
        data: A data set in the decathlon's layout.
        train: Cases to train on.
        val: Cases to validate on.
        spacing_mm: Spacing that volumes are resampled to.
        patch_size: Voxels of a patch.
        batch_size: Patches of a step.
        patches_per_volume: Patches that are cut from a volume at a time.
        learning_rate: Learning rate of Adam.
        epochs: Epochs to train; in each, every volume gives its patches once.
        validate_every: Epochs between validations.
        workers: Processes that make patches.
        threads: Threads of torch.
        stop_at_dice: Validation Dice at which training ends early; above 1 never.
        stop_after_seconds: Seconds after which it ends.
        seed: Seed.
        device: Where the network computes.
    """

    data: str
    train: Sequence[str]
    val: Sequence[str]
    spacing_mm: Sequence[float]
    patch_size: Sequence[int]
    batch_size: int
    patches_per_volume: int
    learning_rate: float
    epochs: int
    validate_every: int
    workers: int
    threads: int
    stop_at_dice: float
    stop_after_seconds: float
    seed: int
    device: str = "cpu"


def fixed_transforms(spacing_mm: Sequence[float]) -> list[Any]:
    """Return what is done to each volume once."""
    return [
        LoadImaged(keys=KEYS),
        EnsureChannelFirstd(keys=KEYS),
        Orientationd(keys=KEYS, axcodes="RAS"),
        Spacingd(keys=KEYS, pixdim=tuple(spacing_mm), mode=("bilinear", "nearest")),
        NormalizeIntensityd(keys="image", nonzero=True, channel_wise=True),
    ]


def random_transforms(patch_size: Sequence[int], patches_per_volume: int) -> list[Any]:
    """Return what is done to each patch: segtrail's default augmentation, as MONAI has it."""
    turn = float(np.deg2rad(15))
    return [
        SpatialPadd(keys=KEYS, spatial_size=tuple(patch_size)),
        RandCropByPosNegLabeld(
            keys=KEYS,
            label_key="label",
            spatial_size=tuple(patch_size),
            pos=1,
            neg=1,
            num_samples=patches_per_volume,
        ),
        RandAffined(
            keys=KEYS,
            prob=0.2,
            rotate_range=(turn, turn, turn),
            scale_range=(0.15, 0.15, 0.15),
            mode=("bilinear", "nearest"),
            padding_mode="border",
        ),
        *(RandFlipd(keys=KEYS, prob=0.5, spatial_axis=axis) for axis in range(3)),
        RandGaussianSmoothd(
            keys="image", prob=0.1, sigma_x=(0.5, 1.0), sigma_y=(0.5, 1.0), sigma_z=(0.5, 1.0)
        ),
        RandGaussianNoised(keys="image", prob=0.15, std=0.1),
        RandShiftIntensityd(keys="image", prob=0.15, offsets=0.1),
        RandScaleIntensityd(keys="image", prob=0.15, factors=0.25),
        RandAdjustContrastd(keys="image", prob=0.15, gamma=(0.7, 1.5)),
    ]


def list_cases(data: Path, cases: Sequence[str]) -> list[dict[str, str]]:
    """List the files of cases, in the order given."""
    description = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    files = {Path(entry["image"]).name.removesuffix(".nii.gz"): entry for entry in description["training"]}
    return [{key: str(data / files[case][key]) for key in KEYS} for case in cases]


def make_network() -> UNet:
    """Build the network: the U-Net of segtrail's baseline."""
    return UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=2,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
        norm="batch",
    )


def make_loader(job: Job) -> DataLoader:
    """Preprocess the training volumes into the memory, and load patches of them with workers."""
    transforms = Compose(
        [*fixed_transforms(job.spacing_mm), *random_transforms(job.patch_size, job.patches_per_volume)]
    )
    dataset = CacheDataset(
        list_cases(Path(job.data), job.train), transforms, num_workers=job.workers or None, progress=False
    )
    return DataLoader(
        dataset,
        batch_size=max(1, job.batch_size // job.patches_per_volume),
        shuffle=True,
        num_workers=job.workers,
        persistent_workers=job.workers > 0,
        collate_fn=list_data_collate,
    )


def batches(loader: DataLoader, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the patches of an epoch in batches; a volume gives more of them than one batch takes."""
    for several in loader:
        for start in range(0, len(several["image"]), batch_size):
            stop = start + batch_size
            yield several["image"][start:stop], several["label"][start:stop]


class Validation:
    """The Dice of full validation volumes, on the grids of their files.

    Args:
        job: The job.
        cached: Whether the volumes are preprocessed once, as in a training; else anew, as for new images.
    """

    def __init__(self, job: Job, *, cached: bool = True) -> None:
        fixed = Compose(fixed_transforms(job.spacing_mm))
        files = list_cases(Path(job.data), job.val)
        self._loader = DataLoader(
            CacheDataset(files, fixed, progress=False) if cached else Dataset(files, fixed)
        )
        self._inferer = SlidingWindowInferer(
            tuple(job.patch_size), sw_batch_size=2, overlap=0.25, sw_device=job.device, device="cpu"
        )
        original = Compose([LoadImaged(keys="label"), EnsureChannelFirstd(keys="label")])
        self._references = [item["label"] for item in Dataset(list_cases(Path(job.data), job.val), original)]
        self._back = Invertd(
            keys="prediction", transform=fixed, orig_keys="image", nearest_interp=True, to_tensor=True
        )
        self._discrete = AsDiscrete(argmax=True)
        self._dice = DiceMetric(include_background=False)

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> list[float]:
        """Return the Dice of each case."""
        network.eval()
        scores = []
        for batch, reference in zip(self._loader, self._references, strict=True):
            batch["prediction"] = self._inferer(batch["image"], network)
            (item,) = decollate_batch(batch)
            item["prediction"] = self._discrete(item["prediction"])
            prediction = self._back(item)["prediction"]
            self._dice.reset()
            self._dice(prediction[None] > 0, reference[None] > 0)
            scores.append(float(self._dice.aggregate()))
        network.train()
        return scores


def train(job: Job, tell: Callable[..., None]) -> None:
    """Train as the job says.

    Args:
        job: The job.
        tell: Hears of each event with its facts.
    """
    torch.set_num_threads(job.threads)
    set_determinism(job.seed)
    started = time.perf_counter()
    loader = make_loader(job)
    validate = Validation(job)
    tell("prepared")
    network = make_network().to(job.device)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False)
    optimiser = torch.optim.Adam(network.parameters(), job.learning_rate)
    for epoch in range(1, job.epochs + 1):
        waited, losses, ended = 0.0, [], time.perf_counter()
        for images, labels in batches(loader, job.batch_size):
            waited += time.perf_counter() - ended
            optimiser.zero_grad()
            loss = loss_function(network(images.to(job.device)), labels.to(job.device))
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            ended = time.perf_counter()
            if ended - started > job.stop_after_seconds:
                tell("stopped", epoch=epoch, because="the time is over")
                return
        tell("epoch", epoch=epoch, loss=float(np.mean(losses)), steps=len(losses), waited_seconds=waited)
        if epoch % job.validate_every == 0:
            scores = validate(network)
            tell("validated", epoch=epoch, dice=float(np.mean(scores)), cases=scores)
            if float(np.mean(scores)) >= job.stop_at_dice:
                return


def main() -> None:
    """Read the job and train."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    started = time.perf_counter()
    events = Path(sys.argv[2])
    events.parent.mkdir(parents=True, exist_ok=True)
    with events.open("w", encoding="utf-8", newline="\n") as stream:

        def tell(event: str, **facts: Any) -> None:
            stream.write(
                json.dumps({"event": event, "seconds": time.perf_counter() - started, **facts}) + "\n"
            )
            stream.flush()

        train(job, tell)
        tell("ended")


if __name__ == "__main__":
    main()
