"""``run.json`` of a shared copy: versions, device and times, but no text of a person and no path."""

from typing import Any

from segtrail.sharing.configuration import network_name
from segtrail.sharing.rules import (
    RUN_ID,
    SHA256,
    STAGE,
    TIME,
    Rule,
    always,
    by_name,
    each,
    flag,
    mapping,
    number,
    one_of,
    or_null,
    pattern,
    text,
)
from segtrail.sharing.terms import NOT_SHARED, Terms

_PARTS = ("checks", "preprocess", "train", "evaluate", "report")
_PACKAGES = ("python", "torch", "monai", "numpy", "scipy", "nibabel", "os", "machine")
_DEVICE_TEXTS = ("name", "instructions", "cuda", "cudnn")
# Conditions that a run may have been gone on with under others; own code, whose path may hold names, is not named.
_CONDITIONS = (
    *(f"device {name}" for name in (*_DEVICE_TEXTS, "type", "precision", "threads", "deterministic")),
    *_PACKAGES,
    "operating system",
    "segtrail",
    "code of segtrail",
    "data",
    "split",
)
_ENDED = pattern(r"all ([0-9]+ )?epochs were trained(, [0-9]+ of [a-z0-9_]+ and [0-9]+ of [a-z0-9_]+)?")


def run_rule(terms: Terms) -> Rule:
    """Return the rule for the state of a run.

    Args:
        terms: What the copy holds.
    """
    network: dict[str, Rule] = {"name": network_name(terms), "parameters": or_null(number)}
    fields: dict[str, Rule] = {
        "schema_version": number,
        "run_id": RUN_ID,
        "status": one_of("finished"),
        "created_utc": TIME,
        "ended_utc": TIME,
        "ended_because": _ENDED,
        "segtrail_version": text,
        "program_sha256": SHA256,
        "device": _DEVICE,
        "environment": mapping(dict.fromkeys(_PACKAGES, text)),
        "inference": each(one_of("whole_volume", "sliding_window", "regions")),
        "seconds": mapping(dict.fromkeys(_PARTS, number)),
        "cpu_seconds": mapping(dict.fromkeys(_PARTS, number)),
        "energy": _ENERGY,
        "parent": mapping({"run_id": RUN_ID, "stage": STAGE, "epoch": number, "differences": _DIFFERENCES}),
        "resumed": each(_RESUMPTION),
    }
    if terms.choices.code:
        network["source_sha256"] = or_null(SHA256)
        fields["own_code"] = by_name(pattern(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"), or_null(SHA256))
    else:
        network["source_sha256"] = or_null(always(None))
    return mapping(
        {**fields, "model": mapping(network), "stages": each(mapping({"stage": STAGE, **network}))}
    )


def _condition(value: Any, _: object) -> str:
    return value if isinstance(value, str) and value in _CONDITIONS else "own code"


_DEVICE = mapping(
    {
        **dict.fromkeys(_DEVICE_TEXTS, text),
        "type": one_of("cpu", "cuda", "mps"),
        "precision": one_of("fp32", "bf16", "fp16"),
        "threads": number,
        "deterministic": flag,
    }
)
_ENERGY_NUMBERS = ("kwh", "wall_seconds", "cpu_seconds", "memory_gb", "gpu_seconds", "gpu_watts")
_ENERGY = mapping({**dict.fromkeys(_ENERGY_NUMBERS, or_null(number)), "method": text})
_HIDDEN = always(NOT_SHARED)
_DIFFERENCES = each(mapping({"what": _condition, "before": _HIDDEN, "now": _HIDDEN}))
_RESUMPTION: Rule = mapping(
    {
        "resumed_utc": TIME,
        "segtrail_version": text,
        "stage": or_null(STAGE),
        "epoch": number,
        "steps": number,
        "differences": _DIFFERENCES,
    }
)
