"""Intensity scaling, one channel at a time; nothing here is fitted on other cases."""

import numpy as np
from numpy.typing import NDArray

from segtrail.config.schema import PreprocessConfig

Channel = NDArray[np.float32]


def normalise(channel: Channel, config: PreprocessConfig) -> Channel:
    """Scale the intensities of one channel by the configured method.

    Args:
        channel: Intensities, shape (x, y, z).
        config: Names the method and, for ``window``, its limits.

    Returns:
        Scaled intensities, float32.
    """
    match config.normalisation:
        case "zscore_nonzero":
            return _zscore(channel, channel[channel != 0])
        case "zscore":
            return _zscore(channel, channel)
        case "percentile":
            low, high = (float(value) for value in np.percentile(channel, (0.5, 99.5)))
            return _to_unit(channel, low, high)
        case "window":
            assert config.intensity_window is not None
            return _to_unit(channel, *config.intensity_window)
        case "none":
            return channel


def _zscore(channel: Channel, values: NDArray[np.float32]) -> Channel:
    """Shift and scale a channel so that the values given get mean 0 and standard deviation 1."""
    if values.size == 0:
        return channel
    mean, deviation = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    return np.asarray((channel - np.float32(mean)) / np.float32(deviation if deviation > 0 else 1.0))


def _to_unit(channel: Channel, low: float, high: float) -> Channel:
    width = high - low if high > low else 1.0
    return np.asarray((np.clip(channel, low, high) - low) / width, dtype=np.float32)
