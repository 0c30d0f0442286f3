"""Opening the network of a run for inference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from segtrail.compute import Compute, set_up_compute
from segtrail.config.explain import explain_validation_error
from segtrail.config.schema import Config, StageConfig
from segtrail.errors import InputError
from segtrail.inference.expectation import Expectation
from segtrail.inference.network_pass import NetworkPass
from segtrail.inference.predictor import Predictor
from segtrail.inference.region_pass import RegionPass
from segtrail.networks.build import BuiltNetwork, build_network
from segtrail.record.hashing import hash_file
from segtrail.training.checkpoint import load_checkpoint

Checkpoint = Literal["best", "last"]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the weights of a checkpoint, ready to segment.

    Attributes:
        predictor: Segments volumes.
        config: The configuration it was trained with.
        labels: Class name by label value.
        n_channels: Channels of an image.
        epoch: The epoch its weights are of.
        checkpoint_sha256: SHA-256 of the checkpoint's bytes.
        dataset_fingerprint: Fingerprint of the data it was trained on.
        compute: Where it computes.
    """

    predictor: Predictor
    config: Config
    labels: dict[int, str]
    n_channels: int
    epoch: int
    checkpoint_sha256: str
    dataset_fingerprint: str
    compute: Compute


@dataclass(frozen=True)
class LoadedNetworks:
    """The networks of a checkpoint, with what belongs to them.

    Attributes:
        config: The configuration they were trained with.
        labels: Class name by label value.
        n_channels: Channels of an image.
        networks: Each network in the order of its stage, by the stage's name.
        content: The checkpoint.
        compute: Where they compute.
        checkpoint_sha256: SHA-256 of the checkpoint's bytes.
    """

    config: Config
    labels: dict[int, str]
    n_channels: int
    networks: dict[str, BuiltNetwork]
    content: Mapping[str, Any]
    compute: Compute
    checkpoint_sha256: str

    def predictor(self) -> Predictor:
        """Put the networks together to segment volumes."""
        stages = self.config.stage_configs()
        passes = [
            NetworkPass(built, stages[stage], self.compute, len(self.labels))
            for stage, built in self.networks.items()
        ]
        return make_predictor(passes, self.content, self.labels)


def open_trained_network(
    run_dir: Path, checkpoint: Checkpoint = "best", device: str = "auto"
) -> TrainedNetwork:
    """Load a checkpoint of a run, ready to segment.

    Args:
        run_dir: The run folder.
        checkpoint: ``best`` or ``last``.
        device: Device to compute on, as in ``train.device``.

    Returns:
        The network.

    Raises:
        InputError: The checkpoint is missing, damaged, or does not fit its own configuration.
    """
    loaded = load_networks(run_dir, checkpoint, lambda config: _compute_for_inference(config, device))
    with _faults_said(checkpoint):
        content = loaded.content
        epoch, fingerprint = int(content["epoch"]), str(content["dataset_fingerprint"])
        predictor = loaded.predictor()
    return TrainedNetwork(
        predictor,
        loaded.config,
        loaded.labels,
        loaded.n_channels,
        epoch,
        loaded.checkpoint_sha256,
        fingerprint,
        loaded.compute,
    )


def load_networks(
    run_dir: Path, checkpoint: Checkpoint, choose_compute: Callable[[Config], Compute]
) -> LoadedNetworks:
    """Load the networks of a checkpoint of a run.

    Args:
        run_dir: The run folder.
        checkpoint: ``best`` or ``last``.
        choose_compute: Says for the configuration where they are to compute.

    Returns:
        The networks.

    Raises:
        InputError: The checkpoint is missing, damaged, or does not fit its own configuration.
    """
    path = run_dir / "checkpoints" / f"{checkpoint}.pt"
    content = load_checkpoint(path)
    name = f"checkpoints/{checkpoint}.pt"
    try:
        config = Config.model_validate(content["config"])
    except KeyError:
        raise InputError(f"{name} holds no configuration.") from None
    except ValidationError as error:
        raise InputError(explain_validation_error(error, name, content["config"])) from None
    compute = choose_compute(config)
    stages = config.stage_configs()
    with _faults_said(checkpoint):
        labels = {int(value): str(label) for value, label in content["labels"].items()}
        states = content["networks"]
        _require_all(states, stages, name)
        n_channels = int(content["n_channels"])
        networks = {
            stage: _load(states[stage], stages[stage], n_channels, len(labels), compute) for stage in stages
        }
    return LoadedNetworks(config, labels, n_channels, networks, content, compute, hash_file(path))


@contextmanager
def _faults_said(checkpoint: Checkpoint) -> Iterator[None]:
    try:
        yield
    except (KeyError, AttributeError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"checkpoints/{checkpoint}.pt does not hold a network that its configuration describes: {error}."
        ) from None


def make_predictor(
    passes: Sequence[NetworkPass], content: Mapping[str, Any], labels: Mapping[int, str]
) -> Predictor:
    """Put the networks of a run together.

    Args:
        passes: The networks in the order of their stages, one or two.
        content: The checkpoint; for two networks it holds what the training cases say of a result.
        labels: Class name by label value, background included.

    Raises:
        KeyError: That is not whole.
    """
    if len(passes) == 1:
        return Predictor(passes[0], None, labels)
    expected = replace(
        Expectation.of_mapping(content["expectation"]),
        unseen_confidence=float(content["unseen_confidence"] or 0.0),
    )
    return Predictor(passes[0], RegionPass(passes[1], expected), labels)


def _require_all(networks: Mapping[str, Any], stages: Mapping[str, StageConfig], name: str) -> None:
    missing = [stage for stage in stages if stage not in networks]
    if missing:
        raise InputError(
            f"{name} holds no network of the stage {', '.join(missing)}: the run ended before that was trained. "
            "`segtrail resume` goes on with it."
        )


def _load(
    state: dict[str, Any], config: StageConfig, n_channels: int, n_classes: int, compute: Compute
) -> BuiltNetwork:
    assert config.preprocess.spacing is not None
    assert config.patch.patch_size is not None
    built = build_network(
        config.model, n_channels, n_classes, config.patch.patch_size, config.preprocess.spacing
    )
    built.network.load_state_dict(state)
    built.place(compute.device, config.train.channels_last)
    built.network.eval()
    return built


def _compute_for_inference(config: Config, device: str) -> Compute:
    """Compute as in training where this machine can, else in the precision that it has."""
    train = config.train.model_copy(update={"device": device})
    try:
        return set_up_compute(train)
    except InputError:
        if train.precision == "auto":
            raise
        return set_up_compute(train.model_copy(update={"precision": "auto"}))
