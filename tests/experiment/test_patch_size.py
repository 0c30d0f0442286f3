"""Patch sizes that a configuration leaves to the data and the memory."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from segtrail.compute import Compute
from segtrail.config.network_schema import FastConfig
from segtrail.config.schema import PreprocessConfig, RegionConfig, StageConfig
from segtrail.errors import InputError
from segtrail.experiment.patch_size import region_size, whole_volume_size
from segtrail.networks.build import build_network
from segtrail.networks.footprint import activation_bytes_per_voxel

ON_CPU = Compute(torch.device("cpu"), "fp32", 1, deterministic=True)
SPACING_MM = (1.0, 1.0, 2.0)
NETWORK = build_network(
    FastConfig(name="fast", channels=(8, 8), blocks=(0, 0)), 1, 2, (16, 16, 16), SPACING_MM
)
DIVISOR = 4


@dataclass(frozen=True)
class Case:
    """A prepared case of one channel."""

    labels: np.ndarray

    def label(self):
        return self.labels

    def image(self):
        return self.labels[np.newaxis].astype(np.float32)


def case_of(*boxes, shape=(40, 40, 40)):
    """A case whose organ fills boxes, each given by its first voxel and its size."""
    labels = np.zeros(shape, np.uint8)
    for start, size in boxes:
        labels[tuple(slice(first, first + n) for first, n in zip(start, size, strict=True))] = 1
    return Case(labels)


def stage(margin_mm=3.0):
    return StageConfig(
        preprocess=PreprocessConfig(spacing=SPACING_MM),
        model=FastConfig(name="fast", channels=(8, 8), blocks=(0, 0)),
        region=RegionConfig(margin_mm=margin_mm),
    )


def choose(chooser, *cases, **options):
    return chooser(stage(**options), NETWORK, ON_CPU, cases)


@pytest.fixture
def room_for(monkeypatch):
    """Give the machine as much memory as batches of patches of so many voxels need."""

    def limit(voxels):
        per_voxel = activation_bytes_per_voxel(NETWORK, 1, ON_CPU)
        needed = 3.0 * per_voxel * voxels * stage().train.batch_size / 0.35
        monkeypatch.setattr(Compute, "memory_bytes", lambda _: int(needed * 1.001))

    return limit


def test_a_first_stage_sees_the_largest_volume_of_each_axis_at_once():
    cases = case_of(shape=(20, 18, 14)), case_of(shape=(17, 22, 9))
    assert choose(whole_volume_size, *cases) == (20, 24, 16)


def test_a_whole_volume_beyond_the_memory_is_shortened_along_its_longest_side(room_for):
    room_for(32 * 20 * 20)
    assert choose(whole_volume_size, case_of(shape=(40, 20, 20))) == (32, 20, 20)


def test_no_side_gets_shorter_than_the_network_takes(room_for):
    room_for(1)
    assert choose(whole_volume_size, case_of(shape=(40, 20, 20))) == (DIVISOR,) * 3


def test_a_region_holds_the_organs_of_every_case_and_the_margin():
    small, long = case_of(((10, 10, 10), (8, 8, 8))), case_of(((4, 10, 10), (21, 5, 5)))
    wanted = np.array([21 + 6, 8 + 6, 8 + 3])  # 2 mm a voxel along z
    assert choose(region_size, small, long) == tuple(-(-wanted // DIVISOR) * DIVISOR)


def test_a_region_is_not_larger_than_the_largest_volume():
    assert choose(region_size, case_of(((10, 10, 10), (8, 8, 8))), margin_mm=500.0) == (40, 40, 40)


def test_organs_far_apart_come_into_one_region_where_the_memory_allows_it():
    assert choose(region_size, case_of(((2, 10, 10), (8, 8, 8)), ((28, 10, 10), (8, 8, 8)))) == (40, 16, 12)


def test_organs_too_far_apart_for_the_memory_get_a_region_that_holds_one_of_them(room_for):
    room_for(28 * 16 * 12)
    far = case_of(((2, 10, 10), (8, 8, 8)), ((28, 10, 10), (8, 8, 8)))
    assert choose(region_size, far) == (16, 16, 12)


def test_organs_of_which_some_can_be_joined_get_a_region_that_holds_those(room_for):
    room_for(28 * 16 * 12)
    near = case_of(((2, 10, 10), (6, 8, 8)), ((12, 10, 10), (6, 8, 8)), ((34, 10, 10), (6, 8, 8)))
    assert choose(region_size, near) == (24, 16, 12)


def test_cases_without_an_organ_do_not_count():
    assert choose(region_size, case_of(), case_of(((10, 10, 10), (8, 8, 8)))) == (16, 16, 12)


def test_training_cases_without_any_organ_are_refused_in_a_sentence():
    with pytest.raises(InputError, match="No training case has a labelled voxel"):
        choose(region_size, case_of(), case_of())
