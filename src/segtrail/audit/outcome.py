"""What a check of a record came to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from segtrail.dataset.names import printable
from segtrail.errors import SegtrailError

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


@dataclass(frozen=True)
class Check:
    """One check, to be made.

    Attributes:
        check: Its ID.
        title: What must hold.
        make: Makes it; gives None where nothing is to be said of it.
    """

    check: str
    title: str
    make: Callable[[], Outcome | None]

    def run(self) -> Outcome | None:
        """Make it; whatever an edited file makes it stumble over is a fault too."""
        try:
            outcome = self.make()
        except SegtrailError as error:
            outcome = Outcome(self.check, self.title, "fail", (str(error).rstrip("."),))
        except Exception as error:  # whoever edited a file chose what reading it raises
            fault = f"the files can't be compared: {type(error).__name__}: {error}"
            outcome = Outcome(self.check, self.title, "fail", (fault,))
        if outcome is None:
            return None
        return replace(outcome, evidence=tuple(printable(text) for text in outcome.evidence))

    def skip(self, because: str) -> Outcome:
        """Leave it out."""
        return Outcome.not_checked(self.check, self.title, because)
