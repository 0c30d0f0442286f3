"""Whether a run goes on under the conditions that it began with: only then does it end with the same bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.compute import Compute
from segtrail.experiment.opened_run import OpenedRun
from segtrail.record.journal import Entry
from segtrail.record.program_hash import hash_program
from segtrail.record.run_folder import RunFolder, describe_environment, read_json
from segtrail.version import __version__


@dataclass(frozen=True)
class Difference:
    """One condition that is not what it was.

    Attributes:
        what: Its name.
        before: What it was when the run began.
        now: What it is.
    """

    what: str
    before: str
    now: str

    def sentence_part(self) -> str:
        """Return it for a list in a sentence."""
        return f"{self.what} (was {self.before}, is {self.now})"


def describe_device(compute: Compute) -> dict[str, Any]:
    """Describe where a run computes, for ``run.json``."""
    return {
        "type": compute.device.type,
        "name": compute.device_name,
        "instructions": compute.instructions,
        "precision": compute.precision,
        "threads": compute.threads,
        "deterministic": compute.deterministic,
        **compute.libraries,
    }


def find_differences(folder: RunFolder, opened: OpenedRun) -> list[Difference]:
    """Compare the conditions of now with those that a run began with.

    Args:
        folder: The run folder.
        opened: What training would go on from.

    Returns:
        What differs; nothing where the run will end with the same bits.
    """
    now = _conditions(
        describe_device(opened.compute),
        describe_environment(),
        {"segtrail": __version__, "code of segtrail": hash_program()},
        opened.own_code,
        opened.data.summary,
    )
    return differences_of(recorded_conditions(folder.path), now)


def recorded_conditions(run_dir: Path) -> dict[str, Any]:
    """Return the conditions that a run began with, by their names."""
    state = read_json(run_dir / "run.json")
    return _conditions(
        state.get("device", {}),
        state.get("environment", {}),
        {"segtrail": state.get("segtrail_version"), "code of segtrail": state.get("program_sha256")},
        state.get("own_code", {}),
        read_json(run_dir / "dataset_summary.json"),
    )


def differences_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare conditions by their names."""
    return [
        Difference(what, _shown(before.get(what)), _shown(now.get(what)))
        for what in dict.fromkeys([*before, *now])
        if before.get(what) != now.get(what)
    ]


def describe_differences(differences: Sequence[Difference]) -> list[str]:
    """Say under which other conditions a run goes on; nothing where there are none."""
    if not differences:
        return []
    parts = ", ".join(one.sentence_part() for one in differences)
    return [f"Warning: it does not go on as it began: {parts}."]


def differences_on_record(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """Return the other conditions under which a run or one that it extends was gone on with.

    Args:
        entries: The lines of its journal.
    """
    parents = [entry.details.get("parent") or {} for entry in entries if entry.action == "run opened"]
    resumed = [entry.details for entry in entries if entry.action == "resumed"]
    return [one for details in [*parents, *resumed] for one in details.get("differences", [])]


def _conditions(
    device: Mapping[str, Any],
    environment: Mapping[str, Any],
    program: Mapping[str, Any],
    own_code: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    versions = {name: version for name, version in environment.items() if name != "os"}
    system = str(environment.get("os", "")).partition(" ")[0]  # another kernel changes no result
    return {
        **{f"device {name}": value for name, value in device.items()},
        **versions,
        "operating system": system,
        **program,
        **{f"own code {path}": sha256 for path, sha256 in own_code.items()},
        "data": summary.get("fingerprint"),
        "split": (summary.get("split") or {}).get("hash"),
    }


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    text = str(value)
    return text[:12] if len(text) == 64 else text
