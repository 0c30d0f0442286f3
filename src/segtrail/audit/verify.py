"""Verifying a run: every check of its folder, and the runbook's checklist."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.audit.calibration import TITLE as CALIBRATION_TITLE
from segtrail.audit.calibration import check_calibration
from segtrail.audit.chain import (
    ADDENDA_TITLE,
    JOURNAL_TITLE,
    SEAL_TITLE,
    check_addenda,
    check_journal,
    check_seal,
)
from segtrail.audit.checklist import Point, go_through
from segtrail.audit.data import TITLE as DATA_TITLE
from segtrail.audit.data import check_data
from segtrail.audit.facts import TITLE as FACTS_TITLE
from segtrail.audit.facts import check_facts
from segtrail.audit.files import TITLE as FILES_TITLE
from segtrail.audit.files import check_files
from segtrail.audit.folder import find_strange
from segtrail.audit.methods_text import TITLE as METHODS_TITLE
from segtrail.audit.methods_text import check_methods
from segtrail.audit.model_card import TITLE as CARD_TITLE
from segtrail.audit.model_card import check_model_card
from segtrail.audit.numbers import (
    CONFIG_TITLE,
    HISTORY_TITLE,
    METRICS_TITLE,
    check_configuration,
    check_history,
    check_metrics,
    read_object,
)
from segtrail.audit.outcome import Check, Outcome
from segtrail.audit.provenance import TITLE as PROVENANCE_TITLE
from segtrail.audit.provenance import check_provenance
from segtrail.audit.recorded import MEASURED_TITLE, check_measured, checks_of_recorded
from segtrail.audit.report import TITLE as REPORT_TITLE
from segtrail.audit.report import check_report
from segtrail.audit.signoffs import TITLE as SIGNOFF_TITLE
from segtrail.audit.signoffs import check_signoffs
from segtrail.audit.witnesses import (
    CITED_TITLE,
    LEDGER_TITLE,
    SIGNATURE_TITLE,
    TIMESTAMP_TITLE,
    check_cited,
    check_ledger,
    check_signature,
    check_timestamps,
)
from segtrail.dataset.names import printable
from segtrail.errors import CheckFailed, InputError
from segtrail.progress import Narrator
from segtrail.record.addenda import Addenda
from segtrail.record.journal import Entry
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.record.recorded_training import is_recorded
from segtrail.record.run_folder import is_shared_copy, utc_now
from segtrail.version import __version__

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class VerifyRequest:
    """What to verify a run against.

    Attributes:
        data_root: Folder of its data set; None leaves the data out.
        rerun: Whether ``best.pt`` segments and is measured again.
        device: Device for that.
        fingerprint: The fingerprint that was cited; None where none is at hand.
        public_key: The key that the run should be signed with.
        tsa_certificate: The root certificate of the server that timestamped it.
        ledger: A ledger that should hold its fingerprint.
        original: The run that a shared copy was made of; None where it is not at hand.
    """

    data_root: Path | None = None
    rerun: bool = False
    device: str = "auto"
    fingerprint: str | None = None
    public_key: Path | None = None
    tsa_certificate: Path | None = None
    ledger: Path | None = None
    original: Path | None = None


@dataclass(frozen=True)
class Verification:
    """What verifying a run came to.

    Attributes:
        run_id: The run.
        fingerprint: Its fingerprint as the manifest is now; None without a manifest.
        outcomes: The checks.
        checklist: The runbook's points; none of a shared copy, which has too little for them.
        is_copy: Whether it is a shared copy of a run.
    """

    run_id: str
    fingerprint: str | None
    outcomes: tuple[Outcome, ...]
    checklist: tuple[Point, ...]
    is_copy: bool = False

    @property
    def is_true(self) -> bool:
        """Whether no check failed."""
        return all(outcome.status != "fail" for outcome in self.outcomes)

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "fingerprint": self.fingerprint,
            "verdict": "pass" if self.is_true else "fail",
            "checks": [{**asdict(outcome), "evidence": list(outcome.evidence)} for outcome in self.outcomes],
            "checklist": [asdict(point) for point in self.checklist],
        }

    def lines(self) -> list[str]:
        """Return it for a person, one line for each check and fault."""
        lines = []
        for outcome in self.outcomes:
            lines.append(f"{outcome.status:>11}  {outcome.title}")
            lines += [f"{'':>11}  - {evidence}" for evidence in outcome.evidence]
        lines += ["", "The runbook's checklist:"] if self.checklist else []
        lines += [
            f"{point.status:>11}  {point.number}. {point.title}: {point.evidence}" for point in self.checklist
        ]
        failed = sum(outcome.status == "fail" for outcome in self.outcomes)
        verdict = (
            "holds" if self.is_true else f"does not hold: {failed} of {len(self.outcomes)} checks failed"
        )
        what = f"The shared copy {self.run_id}" if self.is_copy else f"The record of {self.run_id}"
        return [*lines, "", f"{what} {verdict}. Fingerprint: {self.fingerprint or 'none'}"]


def verify_run(run_dir: Path, request: VerifyRequest, narrator: Narrator) -> Verification:
    """Check a run folder or a shared copy, offline; nothing is written.

    Args:
        run_dir: The run folder, or the copy.
        request: What to verify it against.
        narrator: Shows progress.

    Returns:
        Every check with its evidence.

    Raises:
        InputError: A rerun is asked for without the data, or something that a copy, or a run, can't have.
    """
    if request.rerun and is_shared_copy(run_dir):
        raise InputError(
            "--rerun compares with label maps, which a shared copy does not hold. Give it with the run itself."
        )
    if request.rerun and request.data_root is None:
        raise InputError(
            "--rerun segments the data again, but this machine does not know where they lie: --data DIR."
        )
    if is_shared_copy(run_dir):
        return _verify_copy(run_dir, request)
    if request.original is not None:
        raise InputError(f"--original is for a copy of `segtrail export --share`; {run_dir.name} is none.")
    entries: list[Entry] = []
    checks = _list_checks(run_dir, request, narrator, entries)
    strange = find_strange(run_dir)
    if strange:
        outcomes = _refuse_strange(strange, checks)
    else:
        outcomes = [check.run() for check in checks]
        outcomes.append(_rerun(run_dir, request, narrator, outcomes))
    made = tuple(outcome for outcome in outcomes if outcome is not None)
    points = () if strange else tuple(go_through(run_dir, made, entries))
    return Verification(printable(run_dir.name), _fingerprint(run_dir, strange), made, points)


def _verify_copy(folder: Path, request: VerifyRequest) -> Verification:
    for option, value in (("--ledger", request.ledger), ("--tsa-certificate", request.tsa_certificate)):
        if value is not None:
            raise InputError(f"{option} is about the seal of a run; a shared copy has none.")
    from segtrail.audit.shared_copy import list_copy_checks  # the rules are needed only for this
    from segtrail.audit.shared_original import Hospital

    hospital = Hospital(request.original, request.data_root)
    checks = list_copy_checks(folder, request.fingerprint, request.public_key, hospital)
    strange = find_strange(folder)
    outcomes = _refuse_strange(strange, checks) if strange else [check.run() for check in checks]
    made = tuple(outcome for outcome in outcomes if outcome is not None)
    return Verification(printable(folder.name), _fingerprint(folder, strange), made, (), is_copy=True)


def _refuse_strange(strange: list[str], checks: Sequence[Check]) -> list[Outcome | None]:
    """Open nothing else, since a pipe or a link may lead anywhere."""
    faults = Check("files", FILES_TITLE, lambda: Outcome.of_faults("files", FILES_TITLE, strange, ""))
    because = "the folder holds what no run holds"
    return [faults.run(), *(check.skip(because) for check in checks if check.check != "files")]


def _fingerprint(run_dir: Path, strange: list[str]) -> str | None:
    return fingerprint(run_dir) if not strange and (run_dir / MANIFEST).is_file() else None


def _list_checks(
    run_dir: Path, request: VerifyRequest, narrator: Narrator, entries: list[Entry]
) -> list[Check]:
    """List the checks but the rerun, in their order; that of the journal gives its lines to the others."""

    def journal() -> Outcome:
        outcome, found = check_journal(run_dir)
        entries.extend(found)
        return outcome

    if _is_recorded(run_dir):
        return [
            *_checks_of_any(run_dir, request, journal, entries),
            *checks_of_recorded(run_dir, request.data_root, entries),
        ]

    def data() -> Outcome:
        with narrator.track("Comparing the data", len(list((run_dir / "predictions").glob("*")))) as tracker:
            return check_data(run_dir, request.data_root, tracker.advance)

    return [
        *_checks_of_any(run_dir, request, journal, entries),
        Check("configuration", CONFIG_TITLE, lambda: check_configuration(run_dir, entries)),
        Check("facts", FACTS_TITLE, lambda: check_facts(run_dir, entries)),
        Check("provenance", PROVENANCE_TITLE, lambda: check_provenance(run_dir, entries)),
        Check("history", HISTORY_TITLE, lambda: check_history(run_dir, entries)),
        Check("metrics", METRICS_TITLE, lambda: check_metrics(run_dir)),
        Check("calibration", CALIBRATION_TITLE, lambda: check_calibration(run_dir)),
        Check("model_card", CARD_TITLE, lambda: check_model_card(run_dir)),
        Check("methods", METHODS_TITLE, lambda: check_methods(run_dir)),
        Check("data", DATA_TITLE, data),
    ]


def _checks_of_any(
    run_dir: Path, request: VerifyRequest, journal: Callable[[], Outcome], entries: Sequence[Entry]
) -> list[Check]:
    """List the checks of every sealed folder, whoever trained."""
    return [
        Check("files", FILES_TITLE, lambda: check_files(run_dir)),
        Check("journal", JOURNAL_TITLE, journal),
        Check("seal", SEAL_TITLE, lambda: check_seal(run_dir, entries)),
        Check("cited", CITED_TITLE, lambda: check_cited(run_dir, request.fingerprint)),
        Check("signature", SIGNATURE_TITLE, lambda: check_signature(run_dir, request.public_key)),
        Check("timestamp", TIMESTAMP_TITLE, lambda: check_timestamps(run_dir, request.tsa_certificate)),
        Check("ledger", LEDGER_TITLE, lambda: check_ledger(run_dir, request.ledger)),
        Check("addenda", ADDENDA_TITLE, lambda: check_addenda(run_dir, entries)),
        Check("report", REPORT_TITLE, lambda: check_report(run_dir)),
        Check("signoff", SIGNOFF_TITLE, lambda: check_signoffs(run_dir)),
    ]


def _is_recorded(run_dir: Path) -> bool:
    """Tell whether a run says to be a record of another program; a damaged one is judged as segtrail's own."""
    try:
        return is_recorded(read_object(run_dir / "run.json"))
    except InputError:
        return False


def require_whole(run_dir: Path) -> None:
    """Make sure that a run is what was sealed, or a shared copy whole, before somebody vouches for it.

    Raises:
        CheckFailed: It is not.
    """
    narrator = Narrator(sys.stderr)
    if is_shared_copy(run_dir):
        _require_whole_copy(run_dir)
        return
    entries: list[Entry] = []
    strange = find_strange(run_dir)
    checks = _list_checks(run_dir, VerifyRequest(), narrator, entries)
    outcomes = (
        [] if strange else [check.run() for check in checks if check.check in ("files", "journal", "seal")]
    )
    failed = [outcome for outcome in outcomes if outcome is not None and outcome.status == "fail"]
    if strange or failed:
        fault = strange[0] if strange else failed[0].evidence[0]
        raise CheckFailed(f"{run_dir.name} is not what was sealed: {fault}. `segtrail verify` says all.")


def _require_whole_copy(folder: Path) -> None:
    failed = [one for one in _verify_copy(folder, VerifyRequest()).outcomes if one.status == "fail"]
    if failed:
        raise CheckFailed(
            f"{folder.name} does not hold: {failed[0].evidence[0]}. `segtrail verify` says all."
        )


def keep_verification(run_dir: Path, verification: Verification) -> Path:
    """Write a verification into the addenda of a sealed run.

    Args:
        run_dir: The run folder.
        verification: What verifying it came to.

    Returns:
        The file.

    Raises:
        InputError: The run is not sealed, its journal is damaged, or the folder can't be written.
    """
    moment = datetime.now(UTC)
    content = {**verification.as_mapping(), "segtrail_version": __version__, "created_utc": utc_now()}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    operator = read_object(run_dir / "run.json").get("operator")
    name = f"verification_{moment:%Y%m%d_%H%M%S}.json"
    return Addenda(run_dir, operator).add_file(
        name, text.encode("utf-8"), "verified", verdict=content["verdict"]
    )


def _rerun(
    run_dir: Path, request: VerifyRequest, narrator: Narrator, outcomes: Sequence[Outcome | None]
) -> Outcome | None:
    recorded = _is_recorded(run_dir)
    title = MEASURED_TITLE if recorded else "best.pt gives the reported label maps and metrics again"
    if not request.rerun or request.data_root is None:
        return Outcome.not_checked("rerun", title, "--rerun segments and measures again")
    if any(outcome is not None and outcome.status == "fail" for outcome in outcomes):
        return Outcome.not_checked("rerun", title, "what is not what was sealed is not run")
    root = request.data_root
    if recorded:
        return Check("rerun", title, lambda: check_measured(run_dir, root)).run()
    from segtrail.audit.rerun import check_rerun  # torch is imported only for this

    return Check("rerun", title, lambda: check_rerun(run_dir, root, request.device, narrator)).run()
