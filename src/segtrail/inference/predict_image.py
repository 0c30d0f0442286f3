"""All that is told of one image: its segmentation, the volumes, and in what it is unlike the training images."""

from dataclasses import dataclass

import numpy as np

from segtrail.images.geometry import voxel_volume_ml
from segtrail.images.nifti import Volume
from segtrail.inference.likeness import TrainingRange, Unlikeness
from segtrail.inference.predictor import ClassProbabilities, Segmentation
from segtrail.inference.trained import TrainedNetwork


@dataclass(frozen=True)
class PredictedImage:
    """What the network makes of one image.

    Attributes:
        segmentation: The labels.
        probabilities: What stands behind them.
        voxels: Number of voxels of each class without background, by its name.
        volumes_ml: The same in mL.
        unlike: In what the image is unlike the training images.
    """

    segmentation: Segmentation
    probabilities: ClassProbabilities
    voxels: dict[str, int]
    volumes_ml: dict[str, float]
    unlike: tuple[Unlikeness, ...]


def predict_image(volume: Volume, trained: TrainedNetwork, known: TrainingRange) -> PredictedImage:
    """Segment an image and measure what was found.

    Args:
        volume: The image, with the channels that the network takes.
        trained: The network.
        known: What the training images have in common.

    Returns:
        The segmentation and what is told of it.

    Raises:
        InputError: Its spacing is in another unit, or it can't fit into the memory.
        TrainingFailed: The memory ran out.
    """
    known.refuse_other_units(volume.affine, volume.spatial_shape)
    unlike = known.compare(volume)
    segmentation, probabilities = trained.predictor.predict(volume)
    counts = np.bincount(segmentation.labels.ravel(), minlength=len(trained.labels))
    voxels = {name: int(counts[value]) for value, name in trained.labels.items() if value != 0}
    voxel_ml = voxel_volume_ml(volume.affine)
    volumes_ml = {name: count * voxel_ml for name, count in voxels.items()}
    return PredictedImage(segmentation, probabilities, voxels, volumes_ml, unlike)
