"""What a training of nnU-Net was configured with, and the files of it that a record keeps."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrail.dataset.containment import is_file_inside
from segtrail.record.redaction import Redactor
from segtrail.recording.nnunet.folders import FoldFolders
from segtrail.recording.nnunet.log import find_logs

_LARGEST_FINGERPRINT = 200_000
# Of debug.json, what says how was trained; the rest is folders, the host, and prints of objects.
_DEBUG_KEYS = (
    "batch_size",
    "cudnn_version",
    "device",
    "disable_checkpointing",
    "enable_deep_supervision",
    "gpu_name",
    "inference_allowed_mirroring_axes",
    "initial_lr",
    "is_cascaded",
    "is_ddp",
    "loss",
    "lr_scheduler",
    "num_epochs",
    "num_input_channels",
    "num_iterations_per_epoch",
    "num_val_iterations_per_epoch",
    "optimizer",
    "oversample_foreground_percent",
    "probabilistic_oversampling",
    "save_every",
    "torch_version",
    "weight_decay",
)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_IN_TRAINER_FOLDER = ("plans.json", "dataset.json", "dataset_fingerprint.json")
_IN_FOLD = ("debug.json", "progress.png", "validation/summary.json")


def used_configuration(plans: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """Return a configuration of the plans with all that it inherits; empty where there is none of this name."""
    configurations = plans.get("configurations")
    chain: list[Mapping[str, Any]] = []
    while isinstance(configurations, dict) and isinstance(configurations.get(name), dict):
        chain.append(configurations[name])
        name = chain[-1].get("inherits_from")
        if len(chain) > len(configurations):
            return {}  # it inherits from itself
        name = name if isinstance(name, str) else None
    merged: dict[str, Any] = {}
    for part in reversed(chain):
        merged |= part
    return {key: value for key, value in merged.items() if key != "inherits_from"}


def network_of(configuration: Mapping[str, Any]) -> str | None:
    """Return the class of the network; plans from before nnU-Net 2.5 give it no architecture of its own."""
    architecture = configuration.get("architecture")
    named = architecture.get("network_class_name") if isinstance(architecture, dict) else None
    named = named or configuration.get("UNet_class_name")
    return named.rsplit(".", 1)[-1] if isinstance(named, str) and named else None


def describe_configuration(folders: FoldFolders, read: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put together what the training was configured with, without machine paths.

    Args:
        folders: The folders of the fold.
        read: What its JSON files say, by their names; those that could not be read are left out.
    """
    named = folders.named
    plans = read.get("plans.json", {})
    content = {
        "trainer": named.trainer,
        "plans_name": named.plans,
        "configuration_name": named.configuration,
        "fold": folders.number,
        "configuration": used_configuration(plans, named.configuration),
        "plans": {key: value for key, value in plans.items() if key != "configurations"},
        "dataset": read.get("dataset.json", {}),
        "fingerprint": read.get("dataset_fingerprint.json", {}),
        "trainer_settings": _settings(read.get("debug.json", {})),
    }
    # The redactor wants the section that holds a person's words.
    redacted: dict[str, Any] = Redactor({}).redact_config({"nnunet": content, "project": {}})["nnunet"]
    return redacted


def is_small_fingerprint(folders: FoldFolders) -> bool:
    """Tell whether the fingerprint, which grows with the cases, is small enough for the configuration."""
    path = folders.trainer / "dataset_fingerprint.json"
    return is_file_inside(path, folders.trainer) and path.stat().st_size <= _LARGEST_FINGERPRINT


def find_kept(folders: FoldFolders) -> dict[str, Path]:
    """Return the files that a record keeps, by their paths in it."""
    fold = folders.fold
    places = [(folders.trainer, name) for name in _IN_TRAINER_FOLDER]
    places += [(fold, name) for name in _IN_FOLD]
    places += [(fold, log.name) for log in find_logs(fold)]
    if folders.preprocessed is not None:
        places.append((folders.preprocessed, "splits_final.json"))
    return {f"nnunet/{name}": root / name for root, name in places if is_file_inside(root / name, root)}


def _settings(debug: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _ADDRESS.sub("", value) if isinstance(value, str) else value
        for key, value in debug.items()
        if key in _DEBUG_KEYS
    }


def holding_machine_paths(kept: Mapping[str, Path]) -> frozenset[str]:
    """Return those of the kept files that name folders, the host or the login, which a record must not hold."""
    return frozenset(name for name in kept if not name.endswith(".png"))
