"""The names of classes and channels."""

from dataclasses import dataclass

from segtrail.errors import InputError
from segtrail.onboarding.facts import DataFacts
from segtrail.onboarding.find_cases import CaseSource
from segtrail.onboarding.label_values import class_values, describe_gaps, renumbering
from segtrail.onboarding.plan_training import looks_like_ct
from segtrail.onboarding.request import InitRequest


@dataclass(frozen=True)
class ClassNames:
    """Classes, background included, and the new number of each value where label maps are renumbered."""

    names: dict[int, str]
    numbers: dict[int, int]


def name_classes(request: InitRequest, source: CaseSource, facts: DataFacts) -> ClassNames:
    """Name the classes: as the command line says, or a description, or by number.

    Raises:
        InputError: The values in the label maps can't be classes, leave gaps, or the names do not fit them.
    """
    known, files = source.found.label_names, source.found.cases
    if source.existing is not None:
        return ClassNames(source.existing.labels, {})
    values = class_values(facts, files)
    if known is not None:
        unknown = [value for value in values if value not in known]
        if unknown:
            raise InputError(
                f"The label maps hold the values {', '.join(map(str, unknown))}, which dataset.json does not name; it "
                f"names {', '.join(f'{value} ({name})' for value, name in known.items())}. Correct one of them."
            )
        values = tuple(value for value in known if value != 0)
    numbers = renumbering(values)
    if numbers and not request.renumber:
        raise InputError(describe_gaps(numbers, facts, files))
    default = tuple(known[value] for value in values) if known else ()
    names = request.label_names or default or tuple(f"class {n}" for n in range(1, len(values) + 1))
    if len(names) != len(values) or len(set(names)) < len(names):
        raise InputError(
            f"--label-names names {len(names)} classes ({', '.join(names)}); the label maps hold {len(values)} "
            f"besides background: {', '.join(map(str, values))}. Give each one name of its own, in this order."
        )
    return ClassNames({0: "background", **dict(enumerate(names, start=1))}, numbers)


def name_channels(request: InitRequest, source: CaseSource, facts: DataFacts) -> tuple[str, ...]:
    """Name the channels: as the command line says, or a description, or by number.

    Raises:
        InputError: The images have another number of channels.
    """
    names = request.channels or source.found.channel_names
    if names and len(names) != facts.n_channels:
        said = "--channels" if request.channels else source.file_name
        raise InputError(
            f"{said} names {len(names)} channels ({', '.join(names)}); the images have {facts.n_channels}."
        )
    if names:
        return names
    if facts.n_channels == 1:
        return ("CT" if looks_like_ct(facts) else "image",)
    return tuple(f"channel {number}" for number in range(1, facts.n_channels + 1))
