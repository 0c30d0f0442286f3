import math
import sys
from functools import partial

import pytest
import torch

from segtrail.config.schema import LossConfig
from segtrail.errors import InputError
from segtrail.networks.loss import SegmentationLoss, one_hot, soft_dice_loss

SHAPE = (6, 5, 4)


def labels_of(classes, batch=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, classes, (batch, *SHAPE), generator=generator, dtype=torch.uint8)


def logits_of(classes, batch=2):
    return torch.randn(batch, classes, *SHAPE, generator=torch.Generator().manual_seed(1))


def loss_of(logits, labels, classes, **config):
    return SegmentationLoss(LossConfig(**config), classes)(logits, labels)


def test_one_hot_planes_hold_one_where_the_class_is():
    labels = labels_of(3)
    planes = one_hot(labels, 3)
    assert planes.shape == (2, 3, *SHAPE)
    assert torch.equal(planes.argmax(dim=1), labels.long())
    assert torch.equal(planes.sum(dim=1), torch.ones(2, *SHAPE))


@pytest.mark.parametrize("classes", [2, 4])
def test_a_perfect_prediction_costs_nearly_nothing(classes):
    labels = labels_of(classes)
    value = loss_of(one_hot(labels, classes) * 40 - 20, labels, classes)
    assert float(value.total) < 1e-3
    assert float(value.dice) < 1e-3
    assert float(value.cross_entropy) < 1e-6


def test_the_opposite_of_the_labels_costs_the_most():
    labels = labels_of(2)
    value = loss_of(20 - one_hot(labels, 2) * 40, labels, 2)
    assert float(value.dice) > 0.99
    assert float(value.cross_entropy) == pytest.approx(40, rel=1e-3)


@pytest.mark.parametrize("classes", [2, 5])
def test_no_opinion_costs_the_logarithm_of_the_classes_in_cross_entropy(classes):
    value = loss_of(torch.zeros(2, classes, *SHAPE), labels_of(classes), classes)
    assert float(value.cross_entropy) == pytest.approx(math.log(classes))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("batch_dice", [True, False])
def test_it_equals_the_loss_of_monai(classes, batch_dice):
    from monai.losses import DiceCELoss

    reference = DiceCELoss(
        include_background=False,
        to_onehot_y=True,
        softmax=True,
        batch=batch_dice,
        lambda_dice=0.7,
        lambda_ce=1.3,
    )
    labels, logits = labels_of(classes), logits_of(classes)
    value = loss_of(logits, labels, classes, batch_dice=batch_dice, dice_weight=0.7, cross_entropy_weight=1.3)
    assert float(value.total) == pytest.approx(float(reference(logits, labels[:, None].long())), rel=1e-5)


@pytest.mark.parametrize("batch", [True, False])
def test_its_dice_and_gradient_are_those_of_monai_to_the_last_bit(batch):
    from monai.losses import DiceLoss

    reference = DiceLoss(include_background=False, softmax=True, batch=batch)
    target = one_hot(labels_of(3), 3)
    gradients, values = [], []
    for loss in (reference, partial(soft_dice_loss, batch=batch)):
        logits = logits_of(3).clone().requires_grad_()
        value = loss(logits, target)
        value.backward()
        gradients.append(logits.grad)
        values.append(value.detach())
    assert torch.equal(*values)
    assert torch.equal(*gradients)


def test_the_parts_are_weighed_as_configured():
    labels, logits = labels_of(3), logits_of(3)
    value = loss_of(logits, labels, 3, dice_weight=2.0, cross_entropy_weight=0.5)
    plain = loss_of(logits, labels, 3)
    assert float(value.total) == pytest.approx(2 * float(plain.dice) + 0.5 * float(plain.cross_entropy))
    assert float(value.dice) == pytest.approx(float(plain.dice))


def test_each_lower_output_of_deep_supervision_weighs_half_as_much():
    labels = labels_of(2)
    outputs = [logits_of(2) * scale for scale in (1.0, -2.0, 0.5)]
    singles = [float(loss_of(logits, labels, 2).total) for logits in outputs]
    value = loss_of(torch.stack(outputs, dim=1), labels, 2)
    assert float(value.total) == pytest.approx(
        (singles[0] + singles[1] / 2 + singles[2] / 4) / 1.75, rel=1e-5
    )


@pytest.mark.parametrize("batch_dice", [True, False])
def test_a_patch_without_foreground_gives_a_finite_loss_and_gradient(batch_dice):
    logits = logits_of(2).requires_grad_()
    value = loss_of(logits, torch.zeros(2, *SHAPE, dtype=torch.uint8), 2, batch_dice=batch_dice)
    value.total.backward()
    assert torch.isfinite(value.total)
    assert torch.isfinite(logits.grad).all()


def test_logits_in_half_precision_are_measured_in_full():
    labels, logits = labels_of(2), logits_of(2).bfloat16()
    value = loss_of(logits, labels, 2)
    assert value.total.dtype == torch.float32
    assert float(value.total) == pytest.approx(float(loss_of(logits.float(), labels, 2).total))


@pytest.fixture
def own_losses(tmp_path, monkeypatch):
    """A module with losses of one's own."""
    source = "import torch\n\nclass Squares(torch.nn.Module):\n    def forward(self, logits, target):\n"
    source += "        return ((logits - target) ** 2).mean()\n\ndef number():\n    return 3\n"
    tmp_path.joinpath("own_losses.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_losses"
    sys.modules.pop("own_losses", None)


def test_a_loss_of_ones_own_gets_logits_and_one_hot_labels(own_losses):
    labels, logits = labels_of(3), logits_of(3)
    value = loss_of(logits, labels, 3, name=f"{own_losses}:Squares")
    assert float(value.total) == pytest.approx(float(((logits - one_hot(labels, 3)) ** 2).mean()))
    assert float(value.dice) == pytest.approx(float(loss_of(logits, labels, 3).dice))


def test_a_loss_that_cannot_be_called_is_told(own_losses):
    with pytest.raises(InputError, match="can't be called"):
        loss_of(logits_of(2), labels_of(2), 2, name=f"{own_losses}:number")
