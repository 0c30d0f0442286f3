"""Networks whose answer is known: a voxel's class follows from its intensity."""

import torch
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.config.schema import InferConfig, PatchConfig, PreprocessConfig, RegionConfig, StageConfig
from segtrail.inference.network_pass import NetworkPass
from segtrail.networks.build import BuiltNetwork

ON_CPU = Compute(torch.device("cpu"), "fp32", 1, deterministic=True)


class ByIntensity(nn.Module):
    """Gives class n to intensities near n, with a probability that falls with the distance."""

    def __init__(self, n_classes: int = 2, sharpness: float = 20.0) -> None:
        super().__init__()
        self.n_classes, self.sharpness = n_classes, sharpness
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.sizes.append(tuple(image.shape[2:]))
        classes = torch.arange(self.n_classes).view(1, -1, 1, 1, 1)
        return -self.sharpness * (image - classes).abs()


def network_pass(
    network: nn.Module,
    window: tuple[int, int, int] = (8, 8, 8),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    n_classes: int = 2,
    margin_mm: float = 2.0,
    **infer,
) -> NetworkPass:
    built = BuiltNetwork(network, (1, 1, 1), prefers_channels_last=False)
    config = StageConfig(
        preprocess=PreprocessConfig(spacing=spacing_mm, normalisation="none"),
        patch=PatchConfig(patch_size=window),
        infer=InferConfig(**infer),
        region=RegionConfig(margin_mm=margin_mm),
    )
    return NetworkPass(built, config, ON_CPU, n_classes)
