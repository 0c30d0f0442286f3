"""Networks and a loss that were tried for the second stage and are no part of segtrail."""

import torch
from torch import Tensor, nn

from segtrail.networks.fast import ConvolutionBlock, FastUNet, UpBlock, depth_to_space, space_to_depth

_CHANNELS = (24, 48, 96, 128)


class LearnedUpBlock(UpBlock):
    """Brings features up with a transposed convolution in place of the nearest neighbour."""

    def __init__(self, lower_channels: int, channels: int) -> None:
        nn.Module.__init__(self)
        self.up = nn.ConvTranspose3d(lower_channels, channels, kernel_size=2, stride=2)
        self.block = ConvolutionBlock(channels, channels)

    def forward(self, lower: Tensor, skip: Tensor) -> Tensor:
        """Join (B, L, x, y, z) and (B, C, 2x, 2y, 2z) to (B, C, 2x, 2y, 2z)."""
        joined: Tensor = self.block(self.up(lower) + skip)
        return joined


class LearnedUpsampling(FastUNet):
    """The fast network with learned upsampling."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, _CHANNELS)
        pairs = zip(_CHANNELS[:0:-1], _CHANNELS[-2::-1], strict=True)
        self.decoder = nn.ModuleList(LearnedUpBlock(lower, width) for lower, width in pairs)


class DeeplySupervised(FastUNet):
    """The fast network with an output at the level below the highest, which the loss sees too."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, _CHANNELS)
        self.lower_head = nn.Conv3d(_CHANNELS[1], out_channels * 8, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image to logits; while training to both outputs, shape (B, 2, classes, x, y, z)."""
        features = space_to_depth(image)
        skips: list[Tensor] = []
        for level in self.encoder:
            features = level(features)
            skips.append(features)
        features = self.dropout(skips.pop())
        lower = features
        for up in self.decoder:
            lower, features = features, up(features, skips.pop())
        output = depth_to_space(self.head(features))
        if not self.training:
            return output
        coarse = nn.functional.interpolate(depth_to_space(self.lower_head(lower)), scale_factor=2)
        return torch.stack([output, coarse], dim=1)


class BoundaryLoss(nn.Module):
    """Dice and a cross entropy that counts voxels within two of an organ's boundary three times."""

    def __init__(self) -> None:
        super().__init__()
        from monai.losses import DiceLoss

        self.dice = DiceLoss(softmax=True, include_background=False, batch=True)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of logits (B, C, x, y, z) and one-hot labels of the same shape."""
        wide = target
        for size in ((5, 1, 1), (1, 5, 1), (1, 1, 5)):  # one axis after another is as good and much quicker
            wide = nn.functional.max_pool3d(wide, size, stride=1, padding=[side // 2 for side in size])
        near = ((wide.sum(dim=1) > 1).float() * 2 + 1).detach()
        entropy = -(target * torch.log_softmax(logits, dim=1)).sum(dim=1)
        loss: Tensor = self.dice(logits, target) + (entropy * near).sum() / near.sum()
        return loss
