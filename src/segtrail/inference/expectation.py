"""What the training cases say of a result: how large each class is, whether it is always there, how sure one can be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClassExpectation:
    """One class in the training cases.

    Attributes:
        smallest_ml: Smallest volume where it is there.
        largest_ml: Largest volume.
        always_there: Whether every training case has it.
    """

    smallest_ml: float
    largest_ml: float
    always_there: bool


@dataclass(frozen=True)
class Expectation:
    """What a result is held against.

    Attributes:
        classes: By label value.
        confidence: Lowest mean probability that a first network gave to what it found in a training case which it had
            not been trained on; 0 where that was not measured.
    """

    classes: Mapping[int, ClassExpectation]
    confidence: float = 0.0

    @classmethod
    def of_volumes(cls, cases: Iterable[Mapping[int, float]]) -> "Expectation":
        """Gather it from training cases.

        Args:
            cases: For each case the volume in mL of each class by label value, 0 where it is not there.
        """
        rows = list(cases)
        classes = {}
        for value in rows[0]:
            volumes = [row[value] for row in rows if row[value] > 0]
            if volumes:
                always = len(volumes) == len(rows)
                classes[value] = ClassExpectation(min(volumes), max(volumes), always)
        return cls(classes)

    @classmethod
    def of_mapping(cls, content: Mapping[str, Any]) -> "Expectation":
        """Read it from a checkpoint; raises KeyError, TypeError or ValueError where it is not whole."""
        classes = {int(value): ClassExpectation(**entry) for value, entry in content["classes"].items()}
        return cls(classes, float(content["confidence"]))

    def as_mapping(self) -> dict[str, Any]:
        """Return it as plain values for a checkpoint."""
        classes = {str(value): dict(vars(entry)) for value, entry in self.classes.items()}
        return {"classes": classes, "confidence": self.confidence}

    @property
    def smallest_ml(self) -> float:
        """The least that can be expected where anything is there: the smallest volume of the smallest class."""
        return min((entry.smallest_ml for entry in self.classes.values()), default=0.0)
