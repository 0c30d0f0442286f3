"""Prepared cases as training finds them in the cache."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from segtrail.config.schema import Config, PreprocessConfig
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.scan import scan_dataset
from segtrail.preprocessing.cache import PreparedCase, VolumeCache

AS_THEY_ARE = PreprocessConfig(spacing=(1.0, 1.0, 1.0), normalisation="none")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Leave the other cores to other tests."""
    torch.set_num_threads(1)


@pytest.fixture
def prepare(new_dataset, tmp_path) -> Callable[..., PreparedCase]:
    """Put an image (C, x, y, z) and its labels into a cache as they are."""

    def put(image, labels, name="case") -> PreparedCase:
        folder = new_dataset(name)
        folder.add_case(
            name, np.moveaxis(image, 0, -1).astype(np.float32), labels.astype(np.uint8), np.eye(4)
        )
        folder.save(
            modality={str(channel): "MRI" for channel in range(len(image))},
            labels={str(value): f"class {value}" for value in range(max(int(labels.max()), 1) + 1)},
        )
        description = read_description(folder.root)
        (scan,) = scan_dataset(description, 0.1)
        cache = VolumeCache(tmp_path / "cache", 50.0)
        return cache.prepare(folder.root, description.cases[0], scan, AS_THEY_ARE)[0]

    return put


@pytest.fixture
def configure() -> Callable[..., Config]:
    """Make a configuration for patches of 8 voxels; without augmentation unless it is asked for."""

    def make(**sections) -> Config:
        values = {
            "paths": {"data_root": "."},
            "preprocess": {"spacing": (1.0, 1.0, 1.0)},
            "patch": {"patch_size": (8, 8, 8)},
            "augment": {"enabled": False},
        }
        return Config.model_validate(values | sections)

    return make
