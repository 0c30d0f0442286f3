"""What a check of a record came to."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "fail", "not checked"]


@dataclass(frozen=True)
class Outcome:
    """The result of one check.

    Attributes:
        check: Its ID.
        title: What must hold.
        status: Whether it does.
        evidence: What was found, in sentences without an end: every fault, or what the check rests on.
    """

    check: str
    title: str
    status: Status
    evidence: tuple[str, ...]

    @classmethod
    def of_faults(cls, check: str, title: str, faults: list[str], evidence: str) -> "Outcome":
        """Make a failed outcome of faults, or a passed one of the evidence where there are none."""
        return cls(check, title, "fail" if faults else "pass", tuple(faults) if faults else (evidence,))

    @classmethod
    def not_checked(cls, check: str, title: str, because: str) -> "Outcome":
        """Make the outcome of a check that could not be made."""
        return cls(check, title, "not checked", (because,))
