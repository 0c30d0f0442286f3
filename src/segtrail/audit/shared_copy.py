"""A shared copy: whether it is whole, tells the same in all its files, and holds nothing that should have stayed."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from segtrail.audit.calibration import TITLE as CALIBRATION_TITLE
from segtrail.audit.calibration import check_calibration
from segtrail.audit.chain import JOURNAL_TITLE, SEAL_TITLE
from segtrail.audit.data import TITLE as DATA_TITLE
from segtrail.audit.facts import TITLE as FACTS_TITLE
from segtrail.audit.files import TITLE as FILES_TITLE
from segtrail.audit.files import check_files
from segtrail.audit.methods_text import TITLE as METHODS_TITLE
from segtrail.audit.methods_text import check_methods
from segtrail.audit.model_card import TITLE as CARD_TITLE
from segtrail.audit.model_card import check_model_card
from segtrail.audit.numbers import (
    METRICS_TITLE,
    check_configuration,
    check_history,
    compare_metrics,
    describe_metrics,
    read_rows,
)
from segtrail.audit.outcome import Check, Outcome
from segtrail.audit.provenance import TITLE as PROVENANCE_TITLE
from segtrail.audit.shared_original import ORIGINAL_TITLE, Hospital, check_data_root, check_original
from segtrail.audit.witnesses import CITED_TITLE, SIGNATURE_TITLE, check_cited, check_signature
from segtrail.config.load import load_config
from segtrail.record.manifest import ADDENDA, as_written, listed_paths
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import SHARE_FILE
from segtrail.record.signature import SIGNATURE
from segtrail.sharing.contents import CODE, MADE_AGAIN, apply_rules
from segtrail.sharing.pseudonyms import CASE_PATTERN, GROUP_PATTERN, Pseudonyms
from segtrail.sharing.reasons import UNKNOWN, reason_for
from segtrail.sharing.rules import LeftOut
from segtrail.sharing.share_file import ShareFile, read_share_file
from segtrail.sharing.terms import Choices, Terms, names_in
from segtrail.sharing.weights import FILE_NAME as WEIGHTS
from segtrail.version import __version__

SHARED_TITLE = "The copy holds only what its rules let out, under pseudonyms"
_CONFIG_TITLE = "The configuration follows its schema"
_HISTORY_TITLE = "History, summary and configuration tell the same"
_ADDENDA_TITLE = "Nothing but a signature was added"
_NO_JOURNAL = "a shared copy has no journal; --original RUN compares it with the run, where that lies"
_WITHOUT_JOURNAL = (("journal", JOURNAL_TITLE), ("seal", SEAL_TITLE), ("facts", FACTS_TITLE))
_FREE = (SHARE_FILE, *MADE_AGAIN, CODE, WEIGHTS)


def list_copy_checks(
    folder: Path, fingerprint: str | None, public_key: Path | None, hospital: Hospital
) -> list[Check]:
    """List the checks of a shared copy, in their order.

    Args:
        folder: The copy.
        fingerprint: The fingerprint that was cited; None where none is at hand.
        public_key: The key that it should be signed with; None where none is at hand.
        hospital: What the copy was made of, where that lies here.
    """
    without = [Check(check, title, _not_made(check, title)) for check, title in _WITHOUT_JOURNAL]
    return [
        Check("files", FILES_TITLE, lambda: _check_files(folder)),
        Check("shared", SHARED_TITLE, lambda: _check_shared(folder)),
        *without,
        Check("cited", CITED_TITLE, lambda: check_cited(folder, fingerprint)),
        Check("signature", SIGNATURE_TITLE, lambda: check_signature(folder, public_key)),
        Check("addenda", _ADDENDA_TITLE, lambda: _check_addenda(folder)),
        Check("configuration", _CONFIG_TITLE, lambda: _check_configuration(folder)),
        Check("provenance", PROVENANCE_TITLE, _not_made("provenance", PROVENANCE_TITLE)),
        Check("history", _HISTORY_TITLE, lambda: _check_history(folder)),
        Check("metrics", METRICS_TITLE, lambda: _check_metrics(folder)),
        Check("calibration", CALIBRATION_TITLE, lambda: check_calibration(folder)),
        Check("model_card", CARD_TITLE, lambda: check_model_card(folder)),
        Check("methods", METHODS_TITLE, lambda: check_methods(folder)),
        Check("original", ORIGINAL_TITLE, lambda: check_original(folder, hospital)),
        Check("data", DATA_TITLE, lambda: check_data_root(folder, hospital)),
    ]


def _not_made(check: str, title: str) -> Callable[[], Outcome]:
    return lambda: Outcome.not_checked(check, title, _NO_JOURNAL)


def _check_files(folder: Path) -> Outcome:
    """Compare the files with the manifest, which of a copy lists all: neither report nor journal is outside of it."""
    outcome = check_files(folder)
    beside = sorted(path.name for path in folder.glob("report.*"))
    if outcome.status == "pass" and beside:
        return Outcome("files", FILES_TITLE, "fail", tuple(f"{name} was added" for name in beside))
    return outcome


def _check_addenda(folder: Path) -> Outcome:
    found = {path.name for path in (folder / ADDENDA).rglob("*") if path.is_file()}
    faults = [f"{ADDENDA}/{name} was added" for name in sorted(found - {SIGNATURE})]
    evidence = "nothing but a signature was added" if found else "nothing was added"
    return Outcome.of_faults("addenda", _ADDENDA_TITLE, faults, evidence)


def _check_shared(folder: Path) -> Outcome:
    """Apply the rules once more: they change nothing in what they let out."""
    share, names = read_share_file(folder), names_in(folder)
    faults = [
        f"a case is called {name}, which is no pseudonym" for name in _others(names.cases, CASE_PATTERN)
    ]
    faults += [
        f"a group is called {name}, which is no pseudonym" for name in _others(names.groups, GROUP_PATTERN)
    ]
    choices = Choices(**share.included.model_dump())
    pseudonyms = Pseudonyms({name: name for name in names.cases}, {name: name for name in names.groups})
    terms = Terms(choices, pseudonyms, names.classes, share.data.root)
    allowed = apply_rules(folder, terms, LeftOut())
    others = [*_faults_of_files(folder, allowed, choices), *_faults_of_list(share)]
    if others and not faults and share.segtrail_version != __version__:
        because = f"segtrail {share.segtrail_version} made the copy, whose rules are others: {others[0]}"
        return Outcome.not_checked("shared", SHARED_TITLE, because)
    evidence = f"{len(names.cases)} cases under pseudonyms; no rule changes anything in {len(allowed)} files"
    return Outcome.of_faults("shared", SHARED_TITLE, [*faults, *others], evidence)


def _faults_of_list(share: ShareFile) -> Iterator[str]:
    """Find entries of share.json that no export writes, since they could say anything."""
    for entry in share.left_out:
        known = reason_for(entry.file, entry.key or "") if entry.file is not None else None
        is_counted = entry.because == UNKNOWN and entry.key is None
        if entry.because != known and not is_counted:
            yield f"share.json says of {entry.file}, {entry.key}: {entry.because}, which no export does"


def _others(names: frozenset[str], pattern: re.Pattern[str]) -> list[str]:
    return sorted(name for name in names if not pattern.fullmatch(name))


def _faults_of_files(folder: Path, allowed: Mapping[str, bytes], choices: Choices) -> Iterator[str]:
    wanted = {WEIGHTS: choices.weights, CODE: choices.code}
    for name in sorted(listed_paths(folder)):
        if name in allowed:
            if as_written(folder / name) != allowed[name]:
                yield f"{name} holds something that no rule lets out"
        elif name not in _FREE:
            yield f"{name} is no file of a shared copy"
        elif not wanted.get(name, True):
            yield f"{name} is there, which share.json says was left out"
    for name, is_wanted in wanted.items():
        if is_wanted and not (folder / name).is_file():
            yield f"{name} is missing, which share.json says is in the copy"


def _check_configuration(folder: Path) -> Outcome:
    outcome = check_configuration(folder, [])
    return Outcome("configuration", _CONFIG_TITLE, outcome.status, outcome.evidence)


def _check_history(folder: Path) -> Outcome:
    """Compare history and summary as of a run, and the epochs with the configuration, since no journal tells them."""
    outcome = check_history(folder, [])
    if outcome.status != "pass":
        return outcome
    faults = list(_faults_of_lengths(folder))
    return Outcome.of_faults("history", _HISTORY_TITLE, faults, outcome.evidence[0])


def _faults_of_lengths(folder: Path) -> Iterator[str]:
    stages = load_config(folder / CONFIG_FILE).stage_configs()
    rows = read_rows(folder / "history.csv")
    for name, stage in stages.items():
        trained = sum(row.get("stage", "main") == name for row in rows)
        if trained != stage.train.max_epochs:
            yield f"history.csv has {trained} epochs of {name}, the configuration {stage.train.max_epochs}"


def _check_metrics(folder: Path) -> Outcome:
    rows, _, faults = compare_metrics(folder)
    return Outcome.of_faults("metrics", METRICS_TITLE, faults, describe_metrics(rows))
