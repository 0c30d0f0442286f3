"""Values of steps, as the CPU and as a graphics card gives them."""

import pytest
import torch

from segtrail.networks.loss import LossValue
from segtrail.training.step_values import StepValue, StepValues


def add(values, step):
    parts = [torch.tensor(float(step + part), requires_grad=True) for part in range(4)]
    values.add(step, 2, LossValue(*parts[:3]), parts[3])


def expected(step):
    return StepValue(step, 2, (step, step + 1, step + 2), step + 3)


def test_on_the_cpu_a_step_is_read_at_once():
    values = StepValues(torch.device("cpu"))
    for step in range(3):
        add(values, step)
        assert values.take() == [expected(step)]


def test_from_a_graphics_card_a_step_is_read_when_the_next_one_is_under_way():
    values = StepValues(torch.device("cuda"))
    add(values, 0)
    assert values.take() == []
    add(values, 1)
    assert values.take() == [expected(0)]
    assert values.take() == []


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_waits_can_be_asked_for_and_comes_once(device):
    values = StepValues(torch.device(device))
    for step in range(2):
        add(values, step)
    assert values.take(all_of_them=True) == [expected(0), expected(1)]
    assert values.take(all_of_them=True) == []
