"""Processes that make patches beside a training."""

import gc

import pytest
import torch

from segtrail.training.loader import close_loader, make_loader
from segtrail.training.patches import EpochBatches


@pytest.fixture
def open_loader(prepare, configure):
    """Open a loader over one case, with so many workers; nothing is frozen by a training that was begun before."""
    gc.unfreeze()
    image, labels = torch.rand(1, 12, 12, 12).numpy(), torch.ones(12, 12, 12).numpy()
    case = prepare(image, labels)

    def make(workers: int):
        (stage,) = configure(train={"num_workers": workers}).stage_configs().values()
        return make_loader(stage, [case], 2, EpochBatches(1, 2, 2, 0), torch.device("cpu"))

    return make


def test_the_collector_leaves_objects_that_workers_share_alone_until_the_loader_is_closed(open_loader):
    loader = open_loader(1)
    try:
        assert len(list(loader)) == 1
        assert gc.get_freeze_count() > 10_000
    finally:
        close_loader(loader)
    assert gc.get_freeze_count() == 0


def test_without_workers_the_collector_goes_on_as_ever(open_loader):
    loader = open_loader(0)
    assert len(list(loader)) == 1
    assert gc.get_freeze_count() == 0
    close_loader(loader)


def test_a_loader_that_was_never_used_can_be_closed(open_loader):
    close_loader(open_loader(2))
    assert gc.get_freeze_count() == 0
