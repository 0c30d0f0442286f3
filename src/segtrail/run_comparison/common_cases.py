"""Which cases all runs measured: the same image with the same reference, whatever its name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segtrail.dataset.names import shown_list
from segtrail.errors import InputError
from segtrail.report.wording import SIDE_NAMES, format_count, join_words
from segtrail.run_comparison.compared_run import ComparedRun

Side = Literal["val", "test"]
# Volumes that differ by no more than this share are the same number, rounded elsewhere.
_SAME_VOLUME = 1e-6


@dataclass(frozen=True)
class CommonCase:
    """A case that all runs measured.

    Attributes:
        name: Its name in the first run.
        names: Its name in each run.
    """

    name: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class LeftOutCase:
    """A case that is not compared.

    Attributes:
        case: Its name.
        because: Why, in words.
    """

    case: str
    because: str


@dataclass(frozen=True)
class CommonCases:
    """The cases of one side that are compared.

    Attributes:
        side: ``val`` or ``test``.
        cases: The cases, in the order of the first run.
        left_out: Those that only some runs measured, or not on the same image and reference.
        matching: How cases were told to be the same, in sentences.
    """

    side: Side
    cases: Sequence[CommonCase]
    left_out: Sequence[LeftOutCase]
    matching: Sequence[str]


@dataclass(frozen=True)
class _Identity:
    """What is on record of a measured case; None where nothing is."""

    name: str
    image_voxels: str | None
    label_voxels: str | None
    label_file: str | None
    volumes_ml: Mapping[str, float]


Basis = Literal["image and reference", "reference file", "name"]


def find_common_cases(runs: Sequence[ComparedRun], side: Side | None) -> CommonCases:
    """Find the cases that all runs measured.

    Args:
        runs: The runs, the first of which names the cases.
        side: The side to compare; None takes test cases where all runs have some in common, else validation cases.

    Returns:
        The cases.

    Raises:
        InputError: The runs have no case in common.
    """
    sides: tuple[Side, ...] = ("test", "val") if side is None else (side,)
    tried = [_match_all(runs, one) for one in sides]
    found = next((common for common in tried if common.cases), None)
    if found is None:
        raise InputError(_nothing_in_common(runs, sides, tried[-1]))
    return found


def _nothing_in_common(runs: Sequence[ComparedRun], sides: Sequence[Side], last: CommonCases) -> str:
    what = " or ".join(SIDE_NAMES[side] for side in sides)
    measured = [
        f"{run.run_id} measured {shown_list(names)}" if names else f"{run.run_id} measured none"
        for run in runs
        for names in [sorted({result.case for result in run.results if result.split in sides})]
    ]
    reasons = list(dict.fromkeys(f"{entry.case}: {entry.because}" for entry in last.left_out))
    why = f" ({'; '.join(reasons[:3])})" if reasons else ""
    return (
        f"The runs have no {what} case in common: {'; '.join(measured)}{why}. Cases are the same where image and "
        "reference are. Compare runs that were measured on the same cases."
    )


def _match_all(runs: Sequence[ComparedRun], side: Side) -> CommonCases:
    identities = [_identities(run, side) for run in runs]
    base, others = runs[0], runs[1:]
    matches = [
        _match(identities[0], of_other, base.name, other.name)
        for other, of_other in zip(others, identities[1:], strict=True)
    ]
    cases = [
        CommonCase(
            case, {base.name: case} | {o.name: m.found[case] for o, m in zip(others, matches, strict=True)}
        )
        for case in identities[0]
        if all(case in match.found for match in matches)
    ]
    left_out = [entry for match in matches for entry in match.left_out]
    sentences = [sentence for match in matches for sentence in match.sentences()]
    return CommonCases(side, cases, list(dict.fromkeys(left_out)), sentences)


def _identities(run: ComparedRun, side: Side) -> dict[str, _Identity]:
    volumes: dict[str, dict[str, float]] = {}
    for result in run.results:
        if result.split == side:
            volumes.setdefault(result.case, {})[result.class_name] = result.metrics.reference_volume_ml
    known = {} if run.dataset is None else {case.case: case for case in run.dataset.cases}
    recorded = [] if run.record.recorded is None else run.record.recorded.measured
    references = {str(entry.get("case")): entry.get("reference_sha256") for entry in recorded}
    return {
        name: _Identity(
            name,
            known[name].image.sha256_voxels if name in known else None,
            known[name].label.sha256_voxels if name in known else None,
            known[name].label.sha256_file if name in known else references.get(name),
            of_case,
        )
        for name, of_case in volumes.items()
    }


class _Match:
    """The cases of two runs that belong together."""

    def __init__(self, base: str, other: str) -> None:
        self._runs = base, other
        self.found: dict[str, str] = {}
        self.left_out: list[LeftOutCase] = []
        self._by: dict[Basis, int] = {}

    def add(self, case: str, other: str, basis: Basis) -> None:
        self.found[case] = other
        self._by[basis] = self._by.get(basis, 0) + 1

    def leave_out(self, case: str, because: str) -> None:
        self.left_out.append(LeftOutCase(case, because))

    def sentences(self) -> list[str]:
        """Say how the cases were told to be the same, where it was not by the voxels of both files."""
        runs = " and ".join(self._runs)
        texts = {
            "reference file": "by name, and by the hash of the reference's file; the image is not on record for both",
            "name": (
                "by name alone, with the same volumes of the reference; whether image and reference are the same is "
                "not on record for both"
            ),
        }
        sentences = [
            f"{format_count(self._by[basis], 'case')} of {runs} matched {text}."
            for basis, text in texts.items()
            if basis in self._by
        ]
        renamed = [f"{case} ({other})" for case, other in self.found.items() if case != other]
        if renamed:
            sentences.append(f"Named otherwise in {self._runs[1]}: {shown_list(renamed)}.")
        return sentences


def _match(base: Mapping[str, _Identity], others: Mapping[str, _Identity], a: str, b: str) -> _Match:
    match = _Match(a, b)
    taken: set[str] = set()
    for name, case in base.items():
        other = _same_image(case, {key: value for key, value in others.items() if key not in taken})
        if other is None:
            differs = name in others
            match.leave_out(name, f"another image in {b}" if differs else f"not measured in {b}")
            taken |= {name} if differs else set()
            continue
        taken.add(other.name)
        basis = _same_reference(case, other)
        if basis is None:
            match.leave_out(name, f"another reference in {b}")
        else:
            match.add(name, other.name, basis)
    for name in others:
        if name not in taken:
            match.leave_out(name, f"not measured in {a}")
    return match


def _same_image(case: _Identity, others: Mapping[str, _Identity]) -> _Identity | None:
    """Find the case with the same image, of several the one with the same name; by name where no hash is known."""
    named = others.get(case.name)
    if case.image_voxels is None or (named is not None and named.image_voxels is None):
        return named
    same = [other for other in others.values() if other.image_voxels == case.image_voxels]
    return next((other for other in same if other.name == case.name), same[0] if same else None)


def _same_reference(case: _Identity, other: _Identity) -> Basis | None:
    """Tell by what two references are the same; None where they are not."""
    if case.label_voxels is not None and other.label_voxels is not None:
        return "image and reference" if case.label_voxels == other.label_voxels else None
    if case.label_file is not None and case.label_file == other.label_file:
        return "reference file"
    return "name" if _same_volumes(case.volumes_ml, other.volumes_ml) else None


def _same_volumes(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    shared = [name for name in first if name in second]
    pairs = [(_or_zero(first[name]), _or_zero(second[name])) for name in shared]
    return all(abs(one - two) <= _SAME_VOLUME * max(one, two) for one, two in pairs)


def _or_zero(volume_ml: float) -> float:
    """Return a volume; of a class that lies in neither mask none is on record."""
    return 0.0 if math.isnan(volume_ml) else volume_ml


def describe_left_out(left_out: Sequence[LeftOutCase]) -> list[str]:
    """Say which cases are not compared, and why.

    Args:
        left_out: The cases.

    Returns:
        A sentence for each reason.
    """
    reasons = dict.fromkeys(entry.because for entry in left_out)
    return [
        f"{because[:1].upper()}{because[1:]}: {shown_list(named)}."
        for because in reasons
        for named in [[entry.case for entry in left_out if entry.because == because]]
    ]


def describe_common(common: CommonCases, runs: Sequence[ComparedRun]) -> str:
    """Say how many cases are compared, and of how many."""
    names = join_words([run.name for run in runs])
    cases = format_count(len(common.cases), f"{SIDE_NAMES[common.side]} case")
    if not common.left_out:
        return f"{cases}, measured by {names}."
    counts = [
        f"{run.name} {len({result.case for result in run.results if result.split == common.side})}"
        for run in runs
    ]
    return (
        f"The runs were not measured on the same cases (measured: {', '.join(counts)}); compared are the "
        f"{cases} that {names} have in common."
    )
