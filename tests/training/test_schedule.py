import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.config.schema import OptimConfig
from segtrail.training.schedule import learning_rate

LR = 3e-3


def rates(name, steps=100, **schedule):
    config = OptimConfig(lr=LR, schedule={"name": name, **schedule})
    return [learning_rate(step, steps, config) for step in range(steps + 1)]


def test_a_constant_rate_stays():
    assert set(rates("constant")) == {LR}


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 2.0])
def test_polynomial_decay_is_a_power_of_what_is_left(power):
    expected = [LR * (1 - step / 100) ** power for step in range(101)]
    assert rates("polynomial", power=power) == pytest.approx(expected)


def test_one_cycle_rises_to_the_highest_rate_and_falls_to_nearly_nothing():
    found = rates("onecycle", warmup_fraction=0.25)
    assert found[0] == pytest.approx(LR / 25)
    assert found[25] == pytest.approx(LR)
    assert found[100] == pytest.approx(LR * 1e-4)
    assert found[:26] == sorted(found[:26])
    assert found[25:] == sorted(found[25:], reverse=True)


def test_one_cycle_is_half_way_up_and_down_at_the_middle_of_each_part():
    found = rates("onecycle", warmup_fraction=0.2)
    assert found[10] == pytest.approx(LR * (1 + 1 / 25) / 2)
    assert found[60] == pytest.approx(LR * (1 + 1e-4) / 2)


def test_one_cycle_follows_torch():
    import torch

    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=LR)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LR, total_steps=102, pct_start=26 / 102, final_div_factor=400.0, cycle_momentum=False
    )
    expected = []
    for _ in range(101):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        reference.step()
    found = rates("onecycle", steps=101, warmup_fraction=25 / 101)
    assert found[:101] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("warmup", "first", "last"), [(0.0, LR, LR * 1e-4), (1.0, LR / 25, LR)])
def test_one_cycle_may_be_all_decay_or_all_warm_up(warmup, first, last):
    found = rates("onecycle", warmup_fraction=warmup)
    assert (found[0], found[-1]) == (pytest.approx(first), pytest.approx(last))


@given(
    st.sampled_from(["constant", "onecycle", "polynomial"]),
    st.integers(1, 10_000),
    st.integers(0, 20_000),
    st.floats(0, 1),
)
def test_a_rate_is_never_negative_nor_above_the_highest(name, steps, step, warmup):
    config = OptimConfig(lr=LR, schedule={"name": name, "warmup_fraction": warmup})
    rate = learning_rate(step, steps, config)
    assert 0.0 <= rate <= LR * (1 + 1e-12)
    assert math.isfinite(rate)
