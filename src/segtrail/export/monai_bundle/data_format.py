"""What a bundle says of its input and output, ``network_data_format`` of its metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from segtrail.export.trained_run import TrainedRun


def data_format(
    run: TrainedRun, spatial_shape: Sequence[str], is_patch_data: bool, pred: Mapping[str, Any]
) -> dict[str, Any]:
    """Return input and output.

    Args:
        run: The run.
        spatial_shape: Which sides are taken, as MONAI writes them.
        is_patch_data: Whether windows of a volume are taken.
        pred: ``num_channels``, ``dtype`` and ``value_range`` of the output.

    Returns:
        ``inputs`` and ``outputs``.
    """
    channels = {str(number): name for number, name in run.dataset.modality.items()}
    image = {
        "type": "image",
        "format": "magnitude",
        "modality": ", ".join(channels.values()),
        "num_channels": run.loaded.n_channels,
        "spatial_shape": [*spatial_shape],
        "dtype": "float32",
        "value_range": [-1e3, 1e3],
        "is_patch_data": is_patch_data,
        "channel_def": channels,
    }
    labels = {str(value): name for value, name in run.loaded.labels.items()}
    segmentation = {"format": "segmentation", **pred, "channel_def": labels}
    return {"inputs": {"image": image}, "outputs": {"pred": {**image, **segmentation}}}
