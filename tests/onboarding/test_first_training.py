"""The configuration of a first training is valid and small enough, whatever the data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.load import load_config
from segtrail.dataset.description import CaseFiles
from segtrail.networks.build import build_network
from segtrail.onboarding.facts import CaseFacts, DataFacts
from segtrail.onboarding.plan_training import plan_training
from segtrail.onboarding.write_config import ConfigSubject, config_text


def data(shape, spacing, n_channels=1, n_cases=20, lowest=0.0, groups=None):
    """Describe cases that are all alike."""
    foreground = np.linspace(30, 90, 100, dtype=np.float32)
    facts = [
        CaseFacts(f"c{n}", n_channels, shape, spacing, (lowest, 1000.0), (0.0, 1.0), foreground)
        for n in range(n_cases)
    ]
    cases = [
        CaseFiles(f"c{n}", (f"{n}.nii",), f"{n}_seg.nii", groups and f"g{n % groups}") for n in range(n_cases)
    ]
    return DataFacts(tuple(facts)), cases


def written_config(tmp_path, facts, cases, name="scans", data_root="scans"):
    plan = plan_training(facts, cases)
    subject = ConfigSubject(name, data_root, "dataset.json", has_groups=cases[0].group is not None)
    path = tmp_path / "config.yaml"
    path.write_text(config_text(subject, facts, plan), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    ("shape", "spacing", "n_channels", "n_cases"),
    [
        ((35, 50, 35), (1.0, 1.0, 1.0), 1, 80),
        ((512, 512, 100), (0.8, 0.8, 5.0), 1, 131),
        ((240, 240, 155), (1.0, 1.0, 1.0), 4, 300),
        ((320, 320, 20), (0.5, 0.5, 3.3), 2, 2),
        ((8, 8, 8), (1.0, 1.0, 1.0), 1, 2),
        ((2000, 2000, 2000), (0.001, 0.001, 0.001), 1, 300),
        ((512, 512, 1), (0.7, 0.7, 5.0), 1, 10),
    ],
)
def test_the_configuration_builds_a_network_and_trains_in_minutes(
    tmp_path, shape, spacing, n_channels, n_cases
):
    config = written_config(tmp_path, *data(shape, spacing, n_channels, n_cases))
    patch = config.patch.patch_size
    build_network(config.model, n_channels, 2, patch, config.preprocess.spacing)
    assert math.prod(patch) * n_channels <= 2 * 96**3
    n_train = n_cases - max(1, round(config.split.val_frac * n_cases))
    patches = config.train.max_epochs * config.patch.patches_per_case * n_train
    assert 600 <= patches <= 6000
    volume = math.prod(
        n * old / new for n, old, new in zip(shape, spacing, config.preprocess.spacing, strict=True)
    )
    assert volume <= 3.1e6


def test_a_small_volume_is_seen_whole_at_its_own_spacing(tmp_path):
    config = written_config(tmp_path, *data((35, 50, 36), (0.9375, 0.9375, 1.2)))
    assert config.patch.patch_size == (48, 64, 48)
    assert config.preprocess.spacing == (0.9375, 0.9375, 1.2)
    assert config.infer.nsd_tolerances_mm == (1.2, 2.4)


def test_thick_slices_stay_and_fine_axes_become_coarser(tmp_path):
    config = written_config(tmp_path, *data((512, 512, 100), (0.8, 0.8, 5.0), lowest=-1024.0))
    x, y, z = config.preprocess.spacing
    assert (x, z) == (y, 5.0)
    assert 2.0 < x < 3.0
    assert config.preprocess.intensity_window == (30, 90)


def test_the_patch_has_the_volumes_proportions(tmp_path):
    x, y, z = written_config(tmp_path, *data((512, 512, 100), (0.8, 0.8, 5.0))).patch.patch_size
    assert x == y > z


def test_a_whole_subject_fits_into_the_validation(tmp_path):
    facts, cases = data((35, 50, 36), (1.0, 1.0, 1.0), n_cases=9, groups=3)
    assert round(written_config(tmp_path, facts, cases).split.val_frac * 9) >= 3


@given(
    st.tuples(*[st.integers(1, 700)] * 3),
    st.tuples(*[st.floats(0.05, 10)] * 3),
    st.integers(1, 5),
    st.integers(2, 400),
)
def test_any_volume_gives_a_patch_that_the_network_takes(shape, spacing, n_channels, n_cases):
    plan = plan_training(*data(shape, spacing, n_channels, n_cases))
    assert all(side % 16 == 0 and side > 0 for side in plan.patch_size)
    assert max(plan.patch_size) >= 32
    assert math.prod(plan.patch_size) * n_channels <= 2 * 96**3
    assert plan.max_epochs >= 10
    assert plan.patches_per_case >= 1


@given(st.text(min_size=1).filter(str.isprintable), st.text(min_size=1).filter(str.isprintable))
def test_any_name_is_kept(tmp_path_factory, name, data_root):
    folder = tmp_path_factory.mktemp("config")
    config = written_config(folder, *data((35, 50, 36), (1.0, 1.0, 1.0)), name, data_root)
    assert (config.project.name, config.paths.data_root) == (name, data_root)
