"""What the training cases say of a result: how large each class is, whether it is always there, how sure one can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClassExpectation:
    """One class in the training cases.

    Attributes:
        name: Its name.
        smallest_ml: Smallest volume where it is there.
        largest_ml: Largest volume.
        always_there: Whether every training case has it.
    """

    name: str
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
        agreement: Lowest Dice between what it found there and the reference; 0 where that was not measured.
        unseen_confidence: Lowest mean probability that the second network gave to what it found in a validation case;
            0 where that was not measured.
        reaches_edge: Whether an organ reaches the edge of the image in any training case.
    """

    classes: Mapping[int, ClassExpectation]
    confidence: float = 0.0
    agreement: float = 0.0
    unseen_confidence: float = 0.0
    reaches_edge: bool = True

    @classmethod
    def of_volumes(
        cls, cases: Sequence[Mapping[str, float]], class_names: Mapping[int, str]
    ) -> "Expectation":
        """Gather it from training cases.

        Args:
            cases: For each case the volume in mL of each class by its name, 0 where it is not there.
            class_names: Names of the classes without background, by label value.
        """
        classes = {}
        for value, name in class_names.items():
            volumes = [case[name] for case in cases if case[name] > 0]
            if volumes:
                always = len(volumes) == len(cases)
                classes[value] = ClassExpectation(name, min(volumes), max(volumes), always)
        return cls(classes)

    @classmethod
    def of_mapping(cls, content: Mapping[str, Any]) -> "Expectation":
        """Read it from a checkpoint; raises KeyError, TypeError or ValueError where it is not whole."""
        classes = {int(value): ClassExpectation(**entry) for value, entry in content["classes"].items()}
        facts = {key: content[key] for key in ("confidence", "agreement", "reaches_edge")}
        return cls(classes, **facts)

    def as_mapping(self) -> dict[str, Any]:
        """Return it as plain values for a checkpoint, which holds the unseen confidence of its epoch beside it."""
        classes = {str(value): dict(vars(entry)) for value, entry in self.classes.items()}
        return {
            "classes": classes,
            "confidence": self.confidence,
            "agreement": self.agreement,
            "reaches_edge": self.reaches_edge,
        }

    @property
    def smallest_ml(self) -> float:
        """The least that can be expected where anything is there: the smallest volume of the smallest class."""
        return min((entry.smallest_ml for entry in self.classes.values()), default=0.0)
