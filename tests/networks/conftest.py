"""Networks small enough to train in a blink."""

from collections.abc import Callable

import pytest
import torch

from segtrail.config.schema import Config
from segtrail.networks.build import BuiltNetwork, build_network

TINY = {
    "unet3d": {"name": "unet3d", "channels": [4, 8, 8], "strides": [2, 2], "num_res_units": 1},
    "dynunet": {"name": "dynunet", "filters": [4, 8, 8]},
    "dynunet_ds": {"name": "dynunet", "filters": [4, 8, 8], "deep_supervision": True},
    "segresnet": {"name": "segresnet", "initial_filters": 4, "blocks_down": [1, 1], "blocks_up": [1]},
    "fast": {"name": "fast", "channels": [8, 8], "blocks": [0, 1]},
}


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Leave the other cores to other tests."""
    torch.set_num_threads(1)


@pytest.fixture(params=TINY)
def tiny(request) -> dict:
    """The ``model`` section of a tiny network of each kind."""
    return TINY[request.param]


@pytest.fixture
def build() -> Callable[..., BuiltNetwork]:
    """Build a network from its ``model`` section, with fixed weights."""

    def make(model, patch_size=(16, 16, 16), channels=1, classes=2, spacing_mm=(1.0, 1.0, 1.0)):
        config = Config.model_validate({"paths": {"data_root": "."}, "model": model})
        torch.manual_seed(0)
        return build_network(config.model, channels, classes, patch_size, spacing_mm)

    return make
