"""Everything that is in a shared copy, made from the run and the salt alone: the same gives the same bytes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from segtrail.evaluation.calibration import FILE_NAME as CALIBRATION
from segtrail.methods_text.text import BIBLIOGRAPHY_FILE, TEXT_FILE
from segtrail.model_card.card import FILE_NAME as CARD
from segtrail.record.manifest import ADDENDA, LEFT_BY_SYSTEMS, fingerprint
from segtrail.record.program_hash import hash_program
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import LOCK_FILE, SHARE_FILE, read_json
from segtrail.sharing.configuration import configuration_rule
from segtrail.sharing.dataset import dataset_rule, with_training_range
from segtrail.sharing.inference import inference_rule, regions_rule
from segtrail.sharing.origin import BILL_RULE, PACKAGES_RULE, PROVENANCE_RULE
from segtrail.sharing.pseudonyms import Pseudonyms, draw_pseudonyms
from segtrail.sharing.reasons import name_of_file
from segtrail.sharing.results import USES_RULE, calibration_rule, metrics_rule, share_cases, share_history
from segtrail.sharing.rules import LeftOut, Place, Rule
from segtrail.sharing.run_record import run_rule
from segtrail.sharing.salted_root import (
    ALGORITHM,
    COMMITMENT_ALGORITHM,
    commit_to,
    recorded_files,
    salted_root,
)
from segtrail.sharing.share_file import DataRoot, Included, Original, ShareFile, list_left_out
from segtrail.sharing.terms import Choices, Terms, names_in, read_config
from segtrail.sharing.weights import FILE_NAME as WEIGHTS
from segtrail.sharing.weights import share_weights
from segtrail.version import __version__

CODE = "provenance/code.zip"
_BILL = "provenance/sbom.cdx.json"
_SUMMARY = "dataset_summary.json"
# Texts that are made of the other files of a copy.
MADE_AGAIN = (CARD, TEXT_FILE, BIBLIOGRAPHY_FILE)
_HISTORY, _CASES = "history.csv", "metrics_cases.csv"


@dataclass(frozen=True)
class CopyContents:
    """A shared copy, before it is written.

    Attributes:
        files: Its files by path, but for model card, methods section and manifest, which are made of these.
        share: What ``share.json`` says.
        pseudonyms: The names in it.
    """

    files: Mapping[str, bytes]
    share: ShareFile
    pseudonyms: Pseudonyms


def make_contents(run_dir: Path, salt: bytes, choices: Choices) -> CopyContents:
    """Make the files of a shared copy.

    Args:
        run_dir: The run; its record holds.
        salt: The salt of the copy.
        choices: What goes out besides what always does.

    Returns:
        The copy.

    Raises:
        InputError: A file of the run is missing, damaged, or of an unknown version.
    """
    names, data_files = names_in(run_dir), recorded_files(run_dir)
    choices = replace(choices, code=choices.code and (run_dir / CODE).is_file())  # older versions kept none
    pseudonyms = draw_pseudonyms(salt, names.cases, names.groups)
    terms = Terms(choices, pseudonyms, names.classes, salted_root(salt, data_files))
    left_out = LeftOut()
    files = dict(_make_files(run_dir, terms, left_out))
    _note_files(run_dir, files, left_out)
    share = ShareFile(
        run_id=str(read_json(run_dir / "run.json")["run_id"]),
        segtrail_version=__version__,
        program_sha256=hash_program(),
        included=Included(**choices.as_mapping()),
        data=DataRoot(
            root=terms.root,
            algorithm=ALGORITHM,
            files=sum(len(file.paths) for file in data_files),
            cases=len(read_json(run_dir / _SUMMARY)["cases"]),
            groups=len(pseudonyms.groups),
        ),
        original=Original(
            fingerprint_commitment=commit_to(salt, fingerprint(run_dir)), algorithm=COMMITMENT_ALGORITHM
        ),
        left_out=list_left_out(left_out),
    )
    return CopyContents({**files, SHARE_FILE: share.as_bytes()}, share, pseudonyms)


def apply_rules(folder: Path, terms: Terms, left_out: LeftOut) -> dict[str, bytes]:
    """Make every text file of a copy, from a run or from a copy: the rules change nothing in what they let out.

    Args:
        folder: The run or copy.
        terms: What the copy holds.
        left_out: Hears of what stays.

    Raises:
        InputError: A file is damaged.
    """
    return dict(_make_texts(folder, terms, left_out))


def _make_files(run_dir: Path, terms: Terms, left_out: LeftOut) -> Iterator[tuple[str, bytes]]:
    yield from _make_texts(run_dir, terms, left_out)
    if terms.choices.code:
        yield CODE, (run_dir / CODE).read_bytes()
    if terms.choices.weights:
        yield WEIGHTS, share_weights(run_dir / WEIGHTS, terms, left_out)


def _make_texts(folder: Path, terms: Terms, left_out: LeftOut) -> Iterator[tuple[str, bytes]]:
    yield CONFIG_FILE, _yaml(configuration_rule(terms)(read_config(folder), Place(CONFIG_FILE, left_out)))
    if (folder / _HISTORY).is_file():
        yield _HISTORY, share_history(folder / _HISTORY, left_out)
    if (folder / _CASES).is_file():
        yield _CASES, share_cases(folder / _CASES, terms, left_out)
    for path, rule in _json_rules(terms).items():
        if (folder / path).is_file():
            content = json.loads((folder / path).read_bytes()) if path == _BILL else _read(folder, path)
            yield path, _json(rule(content, Place(path, left_out)))


def _json_rules(terms: Terms) -> dict[str, Rule]:
    return {
        "run.json": run_rule(terms),
        _SUMMARY: dataset_rule(terms),
        "metrics_summary.json": metrics_rule(terms),
        CALIBRATION: calibration_rule(terms),
        "inference.json": inference_rule(terms),
        "regions.json": regions_rule(terms),
        "test_uses.json": USES_RULE,
        "provenance/provenance.json": PROVENANCE_RULE,
        "provenance/packages.json": PACKAGES_RULE,
        _BILL: BILL_RULE,
    }


def _read(folder: Path, path: str) -> dict[str, Any]:
    content = read_json(folder / path, folder.name)
    is_of_a_run = path == _SUMMARY and "training_range" not in content
    return with_training_range(content) if is_of_a_run else content


def _note_files(run_dir: Path, made: Mapping[str, bytes], left_out: LeftOut) -> None:
    """Note the files that stay; addenda are one, since the next export must give the same bytes."""
    left_out.note(f"{ADDENDA}/")
    for path in run_dir.rglob("*"):
        name = path.relative_to(run_dir).as_posix()
        is_of_run = path.is_file() and path.name not in (*LEFT_BY_SYSTEMS, LOCK_FILE)
        if is_of_run and name not in (*made, *MADE_AGAIN) and not name.startswith(f"{ADDENDA}/"):
            left_out.note(name_of_file(name) or name)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode("utf-8")
