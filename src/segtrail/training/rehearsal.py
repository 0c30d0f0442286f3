"""A step without consequences on the first patch, so that what can't be trained fails before there is a run folder."""

import copy
import io
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from segtrail.compute import Compute
from segtrail.config.schema import StageConfig
from segtrail.dataset.description import DatasetDescription
from segtrail.errors import InputError, SegtrailError
from segtrail.networks.build import BuiltNetwork
from segtrail.networks.loss import SegmentationLoss
from segtrail.preprocessing.cache import PreparedCase
from segtrail.training.average import AveragedNetwork
from segtrail.training.device_patches import DevicePatches
from segtrail.training.memory import is_out_of_memory, out_of_memory
from segtrail.training.patch_plan import PatchKey
from segtrail.training.patches import EpochBatches, PatchDataset


def rehearse(
    config: StageConfig,
    built: BuiltNetwork,
    compute: Compute,
    cases: Sequence[PreparedCase],
    description: DatasetDescription,
    prefix: str = "",
) -> None:
    """Make one patch and compute loss and gradient, in a batch as small as the smallest one.

    Args:
        config: The configuration, spacing resolved.
        built: The network on its device; its state is brought back.
        compute: Device and precision.
        cases: The training cases.
        description: The data set.
        prefix: What stands before the stage's keys in the configuration.

    Raises:
        InputError: Transforms, network or loss do not work on patches of this size.
        TrainingFailed: The memory ran out; the message names the remedies.
    """
    try:
        _compute_loss(config, built, compute, cases, len(description.labels))
    except SegtrailError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(config, built.size_divisor, prefix) from None
        raise InputError(
            f"The network can't be trained on patches of {prefix}patch.patch_size "
            f"{list(config.patch.patch_size or ())} in batches of {_smallest_batch(config, len(cases))} "
            f"({prefix}train.batch_size {config.train.batch_size}): {_first_line(error)}. Look at {prefix}model, "
            f"{prefix}train.loss and {prefix}augment.transforms in the configuration."
        ) from error


def _compute_loss(
    config: StageConfig, built: BuiltNetwork, compute: Compute, cases: Sequence[PreparedCase], n_classes: int
) -> None:
    if config.train.ema_decay is not None:
        AveragedNetwork(built.network, config.train.ema_decay)
    image, labels = _first_patch(config, compute, cases, n_classes)
    n = _smallest_batch(config, len(cases))
    loss = SegmentationLoss(config.train.loss, n_classes).to(compute.device)
    with _state_kept(built.network):
        with compute.autocast():
            output = built.network.train()(torch.stack([image] * n).to(compute.device))
        _require_shape(output, (n, n_classes, *labels.shape))
        torch.autograd.backward(loss(output, torch.stack([labels] * n).to(compute.device)).total)
    _require_plain(f"The network of model.name {config.model.name}", built.network)
    _require_plain(f"The loss of train.loss.name {config.train.loss.name}", loss)


def _first_patch(
    config: StageConfig, compute: Compute, cases: Sequence[PreparedCase], n_classes: int
) -> tuple[Tensor, Tensor]:
    key = PatchKey(1, 0, 0)
    if config.train.patches_on == "device":
        return DevicePatches(cases[:1], config, n_classes, EpochBatches(1, 1, 1, 0), compute.device).make(key)
    return PatchDataset(cases, config)[key]


def _require_plain(what: str, module: nn.Module) -> None:
    """Make sure that the state of a module can be read back from a checkpoint."""
    stream = io.BytesIO()
    try:
        torch.save(module.state_dict(), stream)
        stream.seek(0)
        torch.load(stream, weights_only=True)
    except pickle.PickleError as error:
        raise InputError(
            f"{what} keeps more than tensors and plain values in its state, which no checkpoint may hold: "
            f"{_first_line(error)}. Keep it elsewhere than in get_extra_state."
        ) from None


@contextmanager
def _state_kept(network: nn.Module) -> Iterator[None]:
    """Bring back what a step changes, such as the statistics of batch norm; not every network can be copied."""
    state = copy.deepcopy(network.state_dict())
    try:
        yield
    finally:
        network.load_state_dict(state)
        network.zero_grad(set_to_none=True)


def _require_shape(output: Tensor, expected: tuple[int, ...]) -> None:
    """Check logits (B, classes, x, y, z), or those with one more dimension for the outputs of deep supervision."""
    shape = tuple(output.shape)
    if len(shape) == 6:
        shape = (shape[0], *shape[2:])
    if shape != expected:
        raise ValueError(f"it gives logits of shape {tuple(output.shape)}, where {expected} is expected")


def _smallest_batch(config: StageConfig, n_cases: int) -> int:
    return (n_cases * config.patch.patches_per_case) % config.train.batch_size or config.train.batch_size


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
