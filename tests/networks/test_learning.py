import pytest
import torch

from segtrail.config.schema import LossConfig
from segtrail.networks.loss import SegmentationLoss


@pytest.fixture
def patch():
    """A bright ball on noise, twice."""
    grid = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"))
    labels = (((grid - 7.0) ** 2).sum(dim=0) < 25).to(torch.uint8).expand(2, 16, 16, 16)
    noise = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    return labels[:, None].float() + 0.3 * noise, labels


def test_every_network_learns_one_patch_by_heart(build, tiny, patch):
    images, labels = patch
    network = build(tiny).network.train()
    loss = SegmentationLoss(LossConfig(), 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    history = []
    for _ in range(40):
        optimiser.zero_grad()
        value = loss(network(images), labels)
        value.total.backward()
        optimiser.step()
        history.append(float(value.total.detach()))
    assert history[-1] < 0.35 * history[0]
    with torch.inference_mode():
        found = network.eval()(images).argmax(dim=1)
    overlap = 2 * ((found == 1) & (labels == 1)).sum() / ((found == 1).sum() + (labels == 1).sum())
    assert float(overlap) > 0.8
