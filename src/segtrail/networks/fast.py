"""segtrail's fast network: a space-to-depth U-Net.

Full-resolution convolutions cost most of a U-Net's time and see least of the anatomy. Here the input is
folded so that each 2x2x2 block of voxels becomes 8 channels; every convolution works at half resolution
or below, and the output is unfolded again, so that nothing of the input's detail is thrown away.
"""

from collections.abc import Sequence

from torch import Tensor, nn


def space_to_depth(volume: Tensor) -> Tensor:
    """Fold each 2x2x2 block into channels: (B, C, x, y, z) to (B, 8C, x/2, y/2, z/2)."""
    batch, channels, x, y, z = volume.shape
    blocks = volume.reshape(batch, channels, x // 2, 2, y // 2, 2, z // 2, 2)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, channels * 8, x // 2, y // 2, z // 2)


def depth_to_space(volume: Tensor) -> Tensor:
    """Undo ``space_to_depth``: (B, 8C, x, y, z) to (B, C, 2x, 2y, 2z)."""
    batch, channels, x, y, z = volume.shape
    blocks = volume.reshape(batch, channels // 8, 2, 2, 2, x, y, z)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels // 8, x * 2, y * 2, z * 2)


class ConvolutionBlock(nn.Sequential):
    """3x3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv3d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(out_channels),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """A convolution block whose input is added to its output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = ConvolutionBlock(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, x, y, z) to the same shape."""
        result: Tensor = features + self.block(features)
        return result


class UpBlock(nn.Module):
    """Bring the features of a lower level up, add the skip connection, convolve."""

    def __init__(self, lower_channels: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv3d(lower_channels, channels, kernel_size=1)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")  # deterministic on every device
        self.block = ConvolutionBlock(channels, channels)

    def forward(self, lower: Tensor, skip: Tensor) -> Tensor:
        """Join (B, L, x, y, z) and (B, C, 2x, 2y, 2z) to (B, C, 2x, 2y, 2z)."""
        result: Tensor = self.block(self.upsample(self.project(lower)) + skip)
        return result


class FastUNet(nn.Module):
    """The space-to-depth U-Net.

    Args:
        in_channels: Image channels.
        out_channels: Classes, background included.
        channels: Channels of each level, the first at half resolution.
        blocks: Residual blocks in each level of the encoder; below half resolution they cost little.
        dropout: Dropout probability at the lowest level.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int] = (24, 48, 96, 128),
        blocks: Sequence[int] = (0, 1, 2, 2),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.size_divisor = 2 ** len(channels)
        sources = [in_channels * 8, *channels[:-1]]
        self.encoder = nn.ModuleList(
            nn.Sequential(
                ConvolutionBlock(source, width, stride=1 if level == 0 else 2),
                *(ResidualBlock(width) for _ in range(count)),
            )
            for level, (source, width, count) in enumerate(zip(sources, channels, blocks, strict=True))
        )
        self.dropout = nn.Dropout3d(dropout)
        self.decoder = nn.ModuleList(
            UpBlock(lower, width) for lower, width in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.head = nn.Conv3d(channels[0], out_channels * 8, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, C, x, y, z) to logits (B, classes, x, y, z).

        Each side must be divisible by ``size_divisor``.
        """
        features = space_to_depth(image)
        skips: list[Tensor] = []
        for level in self.encoder:
            features = level(features)
            skips.append(features)
        features = self.dropout(skips.pop())
        for up in self.decoder:
            features = up(features, skips.pop())
        return depth_to_space(self.head(features))
