"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        check: ID of the check.
        case: The case it is about; None for the data set.
        evidence: What was found, a sentence without its full stop.
        also: Other cases that it is about.
    """

    check: str
    case: str | None
    evidence: str
    also: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """All cases that it is about."""
        return () if self.case is None else (self.case, *self.also)
