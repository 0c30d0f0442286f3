"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a check found: which check, which case, and the evidence in a sentence without a full stop."""

    check: str
    case: str | None
    evidence: str
