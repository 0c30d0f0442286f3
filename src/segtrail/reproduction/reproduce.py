"""Reproducing a run: it is trained again from its folder alone, and compared epoch by epoch."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.audit.data import check_data
from segtrail.audit.verify import require_whole
from segtrail.config.schema import Config
from segtrail.errors import InputError
from segtrail.experiment.opened_run import open_run
from segtrail.experiment.opening import describe_start, opened_folder
from segtrail.experiment.preparation import import_own_code
from segtrail.experiment.recorded_config import read_recorded_config
from segtrail.experiment.resume_conditions import Difference, differences_on_record
from segtrail.experiment.run_phases import finish_run
from segtrail.networks.build import source_hash
from segtrail.progress import Narrator
from segtrail.record.addenda import Addenda
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import read_journal
from segtrail.record.program_hash import hash_program
from segtrail.record.run_folder import RunFolder, utc_now
from segtrail.reproduction.archived_code import train_with_archived_code
from segtrail.reproduction.comparison import Comparison, TableComparison, compare_runs
from segtrail.reproduction.conditions import compare_conditions
from segtrail.version import __version__

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ReproductionRequest:
    """How to reproduce a run.

    Attributes:
        data_root: Where its data lie now; None where they lay.
        output_root: Where the new run comes to.
        device: Device to train on; None for the recorded one.
        trust_code: Whether to run the code that the run keeps, where the present code is another one.
        python: The Python of the environment to run that in; None for this one.
    """

    data_root: Path | None
    output_root: Path
    device: str | None = None
    trust_code: bool = False
    python: Path | None = None


@dataclass(frozen=True)
class Reproduction:
    """What reproducing a run came to.

    Attributes:
        original: The run.
        repeated: The run that repeats it.
        used_archived_code: Whether the code of the run was used, not the present one.
        conditions: What was not as it was.
        marks: Under which other conditions the run itself was gone on with.
        comparison: What the two have in common.
    """

    original: RunFolder
    repeated: RunFolder
    used_archived_code: bool
    conditions: tuple[Difference, ...]
    marks: tuple[Mapping[str, str], ...]
    comparison: Comparison

    @property
    def is_as_promised(self) -> bool:
        """Whether the bits are the same, or differ where conditions do and the Dice shows no difference."""
        verdict, excused = self.comparison.verdict, bool(self.conditions or self.marks)
        return verdict == "bitwise" or (verdict == "statistical" and excused)

    def as_mapping(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.original.run_id,
            "repeated_run_id": self.repeated.run_id,
            "code": "code.zip" if self.used_archived_code else "present",
            "conditions": [asdict(one) for one in self.conditions],
            "earlier_conditions": [dict(mark) for mark in self.marks],
            **self.comparison.as_mapping(),
        }

    def lines(self) -> list[str]:
        """Return it for a person."""
        found = self.comparison
        lines = [f"{self.repeated.run_id} repeats {self.original.run_id}:"]
        lines += [f"  not as it was: {one.sentence_part()}" for one in self.conditions]
        lines += [
            f"  {self.original.run_id} itself was gone on with under other conditions: {mark['what']}"
            for mark in self.marks
        ]
        lines += [
            f"  epochs: {_describe_table(found.history)}",
            f"  metrics of cases: {_describe_table(found.metrics)}",
            f"  label maps: {found.n_same_label_maps} of {found.n_label_maps} have the same bytes",
            f"  weights: {'the same bits' if found.has_same_weights else 'other bits'}",
        ]
        return [*lines, f"Verdict: {self._verdict_sentence()}"]

    def _verdict_sentence(self) -> str:
        found = self.comparison
        if found.verdict == "bitwise":
            return "bitwise. Everything that was measured is the same to the last bit."
        if found.dice is None:
            return "different. No case was measured in both."
        interval = found.dice.interval
        ends = "" if interval is None else f", 95% interval {interval[0]:+.4f} to {interval[1]:+.4f}"
        dice = (
            f"the Dice differs by {found.dice.mean:+.4f} in the mean of {found.dice.n_cases} cases{ends}; the most by "
            f"{found.dice.largest:+.4f} in {found.dice.case}"
        )
        if found.verdict == "different":
            return f"different: {dice}."
        shown = f"statistical. The bits are others; {dice}. No difference is shown, which is not the same as none."
        return (
            shown
            if self.is_as_promised
            else f"{shown} Under the same conditions the bits should be the same."
        )


def _describe_table(table: TableComparison) -> str:
    if table.is_same:
        return f"all {table.n_before} are the same"
    first = "" if table.first is None else f"; first in {table.first.sentence()}"
    missing = "" if table.n_before == table.n_now else f", where there are {table.n_now} now"
    return f"{table.n_same} of {table.n_before} are the same{missing}{first}"


def reproduce_run(folder: RunFolder, request: ReproductionRequest, narrator: Narrator) -> Reproduction:
    """Train a sealed run again from its folder and compare.

    Args:
        folder: The run.
        request: How.
        narrator: Hears of all that happens.

    Returns:
        What it came to.

    Raises:
        CheckFailed: The run is not what was sealed.
        InputError: It can't be trained again from its folder, or only with its own code.
        TrainingFailed: The training had to stop.
        Interrupted: The user stopped it.
    """
    require_whole(folder.path)
    state = folder.read_state()
    if "parent" in state:
        raise InputError(
            f"{folder.run_id} goes on from a checkpoint of {state['parent']['run_id']}, which its folder does not "
            "hold. A run that began with fresh weights can be reproduced."
        )
    changes = _recorded_choices(state, request.device)
    config = read_recorded_config(folder.path, request.output_root, request.data_root, changes)
    _refuse_other_data(folder, Path(config.paths.data_root).expanduser(), narrator)
    other_code = _describe_other_code(state, config)
    note = f"Reproduces {folder.run_id}"
    if other_code and not request.trust_code:
        raise InputError(
            f"{folder.run_id} was made with other code: {other_code}. It keeps that code; --trust-code runs it, which "
            "is as safe as whoever made the run."
        )
    if other_code:
        paths = [f"paths.output_root={request.output_root.absolute()}", "report.enabled=false"]
        words = [str(folder.path / "config_resolved.yaml"), *changes, *paths, "--note", note]
        data = ["--data", str(Path(config.paths.data_root).expanduser().absolute())]
        repeated = train_with_archived_code(folder.path, [*words, *data], request.python)
    else:
        repeated = _train_with_present_code(folder, config, note, narrator)
    return _compare(folder, RunFolder(repeated), bool(other_code))


def _recorded_choices(state: Mapping[str, Any], device: str | None) -> list[str]:
    """Give the choices that the configuration may leave to the machine as they were made."""
    known = state["device"]
    changes = [f"train.num_threads={known['threads']}"]
    if device is not None:
        return [*changes, f"train.device={device}"]
    if known["type"] == "cpu":
        changes += ["train.device=cpu", f"train.precision={known['precision']}"]
    return changes


def _describe_other_code(state: Mapping[str, Any], config: Config) -> str:
    """Say which code is not that of the run; nothing where all of it is."""
    if hash_program() != state.get("program_sha256"):
        return "the sources of segtrail differ"
    known = state.get("own_code") or {}
    if not known:
        return ""
    try:
        present = {path: source_hash(module) for path, module in import_own_code(config).items()}
    except InputError as error:
        return str(error).rstrip(".")
    others = [path for path, sha256 in known.items() if present.get(path) != sha256]
    return f"{', '.join(others)} differ" if others else ""


def _train_with_present_code(folder: RunFolder, config: Config, note: str, narrator: Narrator) -> Path:
    quiet = config.model_copy(update={"report": config.report.model_copy(update={"enabled": False})})
    with ExitStack() as claims:
        opened = open_run(quiet, narrator, claims)
        command = ["segtrail", "reproduce", folder.run_id]
        with opened_folder(opened, narrator, note, command) as repeated:
            finish_run(repeated, opened, narrator, describe_start(repeated, opened))
            return repeated.path


def _refuse_other_data(folder: RunFolder, root: Path, narrator: Narrator) -> None:
    with narrator.track("Comparing the data", len(list((folder.path / "predictions").glob("*")))) as tracker:
        found = check_data(folder.path, root, tracker.advance)
    if found.status != "pass":
        raise InputError(f"The data are not those of {folder.run_id}: {found.evidence[0]}.")


def _compare(original: RunFolder, repeated: RunFolder, used_archived_code: bool) -> Reproduction:
    marks = differences_on_record(read_journal(original.path / JOURNAL))
    return Reproduction(
        original,
        repeated,
        used_archived_code,
        tuple(compare_conditions(original.path, repeated.path)),
        tuple(marks),
        compare_runs(original.path, repeated.path),
    )


def keep_reproduction(reproduction: Reproduction) -> Path:
    """Write what reproducing a run came to into its addenda.

    Args:
        reproduction: What it came to.

    Returns:
        The file.

    Raises:
        InputError: The folder can't be written.
    """
    content = {**reproduction.as_mapping(), "segtrail_version": __version__, "created_utc": utc_now()}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    operator = reproduction.original.read_state().get("operator")
    name = f"reproduction_{datetime.now(UTC):%Y%m%d_%H%M%S}.json"
    addenda = Addenda(reproduction.original.path, operator)
    return addenda.add_file(name, text.encode("utf-8"), "reproduced", verdict=content["verdict"])
