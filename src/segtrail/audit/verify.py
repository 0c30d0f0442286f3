"""Verifying a run: every check of its folder, and the runbook's checklist."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.audit.chain import check_addenda, check_journal, check_seal
from segtrail.audit.checklist import Point, go_through
from segtrail.audit.data import check_data
from segtrail.audit.files import check_files
from segtrail.audit.numbers import check_configuration, check_history, check_metrics, read_object
from segtrail.audit.outcome import Outcome
from segtrail.audit.witnesses import check_cited, check_ledger, check_signature, check_timestamps
from segtrail.progress import Narrator
from segtrail.record.addenda import Addenda
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.record.run_folder import utc_now
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
    """

    data_root: Path | None = None
    rerun: bool = False
    device: str = "auto"
    fingerprint: str | None = None
    public_key: Path | None = None
    tsa_certificate: Path | None = None
    ledger: Path | None = None


@dataclass(frozen=True)
class Verification:
    """What verifying a run came to.

    Attributes:
        run_id: The run.
        fingerprint: Its fingerprint as the manifest is now; None without a manifest.
        outcomes: The checks.
        checklist: The runbook's points.
    """

    run_id: str
    fingerprint: str | None
    outcomes: tuple[Outcome, ...]
    checklist: tuple[Point, ...]

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
        lines += ["", "The runbook's checklist:"]
        lines += [
            f"{point.status:>11}  {point.number}. {point.title}: {point.evidence}" for point in self.checklist
        ]
        failed = sum(outcome.status == "fail" for outcome in self.outcomes)
        verdict = (
            "holds" if self.is_true else f"does not hold: {failed} of {len(self.outcomes)} checks failed"
        )
        return [
            *lines,
            "",
            f"The record of {self.run_id} {verdict}. Fingerprint: {self.fingerprint or 'none'}",
        ]


def verify_run(run_dir: Path, request: VerifyRequest, narrator: Narrator) -> Verification:
    """Check a run folder, offline; nothing is written.

    Args:
        run_dir: The run folder.
        request: What to verify it against.
        narrator: Shows progress.

    Returns:
        Every check with its evidence.
    """
    journal, entries = check_journal(run_dir)
    n_cases = sum(1 for _ in (run_dir / "predictions").glob("*"))
    with narrator.track("Comparing the data", n_cases) as tracker:
        data = check_data(run_dir, request.data_root, tracker.advance)
    outcomes = [
        check_files(run_dir),
        journal,
        check_seal(run_dir, entries),
        *check_cited(run_dir, request.fingerprint),
        *check_signature(run_dir, request.public_key),
        *check_timestamps(run_dir, request.tsa_certificate),
        *check_ledger(run_dir, request.ledger),
        check_addenda(run_dir, entries),
        check_configuration(run_dir, entries),
        check_history(run_dir, entries),
        check_metrics(run_dir),
        data,
        _check_rerun(run_dir, request, narrator),
    ]
    found = fingerprint(run_dir) if (run_dir / MANIFEST).is_file() else None
    return Verification(run_dir.name, found, tuple(outcomes), tuple(go_through(run_dir, outcomes)))


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


def _check_rerun(run_dir: Path, request: VerifyRequest, narrator: Narrator) -> Outcome:
    if not request.rerun:
        title = "best.pt gives the reported label maps and metrics again"
        return Outcome.not_checked("rerun", title, "--rerun segments and measures again")
    from segtrail.audit.rerun import check_rerun  # torch is imported only for this

    return check_rerun(run_dir, request.data_root, request.device, narrator)
