"""The networks of a run as ONNX, with a file that says how to feed them, and the masks compared."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segtrail.atomic import write_json
from segtrail.config.schema import StageConfig
from segtrail.errors import InputError
from segtrail.export.extras import import_extra
from segtrail.export.trained_run import ComparedMask, TrainedRun, open_trained_run
from segtrail.networks.build import BuiltNetwork
from segtrail.progress import Narrator
from segtrail.record.hashing import hash_file

SCHEMA_VERSION = 1
# What every version of ONNX Runtime of the last years reads.
_OPSET = 17
_AXES = {0: "batch", 2: "x", 3: "y", 4: "z"}


class RuntimeNetwork(nn.Module):
    """A network in ONNX Runtime in the place of the torch one, which it is held against.

    Args:
        session: The session of ONNX Runtime.
        original: The torch network.

    Attributes:
        largest_difference: Largest difference between two logits so far.
    """

    def __init__(self, session: Any, original: nn.Module) -> None:
        super().__init__()
        self._session, self._original = session, original
        self.largest_difference = 0.0

    def forward(self, image: Tensor) -> Tensor:
        """Map an image (B, C, x, y, z) to logits (B, classes, x, y, z)."""
        [logits] = self._session.run(None, {"image": image.contiguous().numpy()})
        expected = self._original(image).numpy()
        self.largest_difference = max(self.largest_difference, float(np.abs(logits - expected).max()))
        return torch.from_numpy(logits)


def export_onnx(folder: Path, target: Path, data_root: Path | None, narrator: Narrator) -> dict[str, Any]:
    """Write the networks of a run as ONNX and compare the masks of both.

    Args:
        folder: The run folder.
        target: A new folder.
        data_root: Where the run's data set lies; None for where this machine last saw it.
        narrator: Hears of progress.

    Returns:
        The content of ``model.json``.

    Raises:
        InputError: The run is not finished, a package is missing, or a network can't be written as ONNX.
        CheckFailed: ONNX Runtime gives other masks.
    """
    import_extra("onnx", "onnx")
    runtime = import_extra("onnxruntime", "onnx")
    run = open_trained_run(folder)
    stages = run.loaded.config.stage_configs()
    described = []
    networks: dict[str, RuntimeNetwork] = {}
    for name, built in run.loaded.networks.items():
        path = target / f"{name}.onnx"
        narrator.say(f"Writing {path.name}", logged=False)
        _write(path, built, run.loaded.n_channels, stages[name])
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        networks[name] = RuntimeNetwork(session, built.network)
        described.append(_describe_stage(name, path, built, stages[name]))
    content = _describe_run(run, described, _check(run, networks, data_root, narrator))
    write_json(target / "model.json", content)
    return content


def _write(path: Path, built: BuiltNetwork, n_channels: int, config: StageConfig) -> None:
    """Write one network; batch and sides are free, as far as the network divides them."""
    size = config.patch.patch_size
    assert size is not None
    network = built.network.float().eval()
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The newer exporter (dynamo) gives the same values and takes fifteen times as long.
            torch.onnx.export(
                network,
                (torch.zeros(1, n_channels, *size),),
                str(path),
                dynamo=False,
                opset_version=_OPSET,
                input_names=["image"],
                output_names=["logits"],
                dynamic_axes={"image": _AXES, "logits": _AXES},
            )
    except Exception as error:  # an own network may hold anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"The network {config.model.name} can't be written as ONNX: {first}") from None


def _check(
    run: TrainedRun, networks: dict[str, RuntimeNetwork], data_root: Path | None, narrator: Narrator
) -> dict[str, Any]:
    """Segment validation cases with both; without data, compare one patch of noise."""
    stages = run.loaded.config.stage_configs()
    exchanged = {
        name: replace(built, network=networks[name], folds_batch_norm=False)
        for name, built in run.loaded.networks.items()
    }
    ours, theirs = run.loaded.predictor(), replace(run.loaded, networks=exchanged).predictor()
    compared = []
    for case, volume in run.check_images(data_root):
        narrator.say(f"Comparing the masks of {case}", logged=False)
        masks = [predictor.predict(volume)[0].labels for predictor in (ours, theirs)]
        compared.append(ComparedMask.of(case, *masks))
    if not compared:
        with torch.inference_mode():
            for name, network in networks.items():
                network(_noise(run.loaded.n_channels, stages[name].patch.patch_size or ()))
    for mask in compared:
        mask.require_same("ONNX Runtime")
    return {
        "onnxruntime": version("onnxruntime"),
        "precision": "fp32",
        "largest_difference_of_logits": {name: net.largest_difference for name, net in networks.items()},
        "cases": [asdict(mask) for mask in compared],
    }


def _noise(n_channels: int, size: Sequence[int]) -> Tensor:
    return torch.randn(1, n_channels, *size, generator=torch.Generator().manual_seed(0))


def _describe_run(run: TrainedRun, stages: list[dict[str, Any]], check: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.record.run_id,
        "fingerprint": run.fingerprint,
        "segtrail_version": run.record.segtrail_version,
        "intended_use": "research only",
        "orientation": "RAS",
        "channels": run.dataset.modality,
        "labels": {str(value): name for value, name in run.loaded.labels.items()},
        "stages": stages,
        "check": check,
    }


def _describe_stage(name: str, path: Path, built: BuiltNetwork, config: StageConfig) -> dict[str, Any]:
    preprocess, infer = config.preprocess, config.infer
    return {
        "stage": name,
        "file": path.name,
        "sha256": hash_file(path),
        "network": config.model.name,
        "input": {"name": "image", "axes": ["batch", "channel", "x", "y", "z"], "dtype": "float32"},
        "output": {"name": "logits", "axes": ["batch", "class", "x", "y", "z"], "dtype": "float32"},
        "sides_divisible_by": list(built.size_divisor) if built.size_divisor else None,
        "spacing_mm": preprocess.spacing,
        "antialias": preprocess.antialias,
        "normalisation": preprocess.normalisation,
        "intensity_window": preprocess.intensity_window,
        "patch_size": config.patch.patch_size,
        "window": infer.roi_size or config.patch.patch_size,
        "mode": infer.mode,
        "overlap": infer.overlap,
        "flips": list(infer.flips),
        "largest_component": infer.largest_component,
        "region_margin_mm": config.region.margin_mm,
    }
