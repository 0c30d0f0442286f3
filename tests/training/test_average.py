import pytest
import torch
from torch import nn

from segtrail.errors import InputError
from segtrail.training.average import AveragedNetwork


def weight(value=0.0):
    """A network of a single weight."""
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(value)
    return network


def set_weight(network, value):
    with torch.no_grad():
        network.weight.fill_(value)


def test_the_average_begins_with_the_weights_as_they_are():
    assert AveragedNetwork(weight(3.0), 0.9).network.weight.item() == 3.0


@pytest.mark.parametrize("decay", [0.15, 0.5, 0.99])
def test_each_step_keeps_the_decay_or_in_the_first_steps_less(decay):
    network = weight(1.0)
    average = AveragedNetwork(network, decay)
    expected = 1.0
    for step, value in enumerate([2.0, -1.0, 4.0, 0.5, 3.0, 3.0], start=1):
        set_weight(network, value)
        average.follow(network)
        kept = min(decay, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * value
        assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_the_fresh_weights_are_soon_forgotten_however_high_the_decay():
    network = weight(1000.0)
    average = AveragedNetwork(network, 0.9999)
    set_weight(network, 1.0)
    for _ in range(50):
        average.follow(network)
    assert average.network.weight.item() == pytest.approx(1.0, abs=0.01)


def test_the_network_in_training_does_not_feel_its_average():
    network = weight(1.0)
    average = AveragedNetwork(network, 0.5)
    network(torch.ones(1, 1)).sum().backward()
    set_weight(network, 2.0)
    average.follow(network)
    assert network.weight.item() == 2.0
    assert network.weight.requires_grad
    assert not average.network.weight.requires_grad
    assert average.network.weight.grad is None


def test_statistics_of_layers_are_averaged_and_counters_taken_over():
    network = nn.BatchNorm3d(1)
    average = AveragedNetwork(network, 0.9)
    network.running_mean.fill_(10.0)
    network.running_var.fill_(5.0)
    network.num_batches_tracked.fill_(7)
    average.follow(network)
    kept = 2 / 11
    assert average.network.running_mean.item() == pytest.approx((1 - kept) * 10)
    assert average.network.running_var.item() == pytest.approx(kept * 1 + (1 - kept) * 5)
    assert average.network.num_batches_tracked.item() == 7
    assert average.network.num_batches_tracked.dtype == torch.int64


def test_plain_values_beside_the_weights_are_passed_over():
    class WithPlainState(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = weight(1.0)

        def get_extra_state(self):
            return {"made by": "a person"}

        def set_extra_state(self, state):
            pass

    network = WithPlainState()
    average = AveragedNetwork(network, 0.5)
    set_weight(network.inner, 2.0)
    average.follow(network)
    assert average.network.inner.weight.item() == pytest.approx(2 / 11 * 1.0 + 9 / 11 * 2.0)
    assert average.network.state_dict()["_extra_state"] == {"made by": "a person"}


def test_a_network_that_can_not_be_copied_is_answered_with_a_sentence():
    class Uncopyable(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("it holds an open file")

    with pytest.raises(InputError, match=r"train\.ema_decay needs a copy .* it holds an open file"):
        AveragedNetwork(Uncopyable(1, 1), 0.9)
