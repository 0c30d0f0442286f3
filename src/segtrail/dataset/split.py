"""Dividing cases into training, validation and test, so that nothing leaks between them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from segtrail.config.schema import SplitConfig
from segtrail.dataset.checking.duplicates import identical_images
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError
from segtrail.randomness import keyed_generator

Side = Literal["train", "val", "test", "unused"]


@dataclass(frozen=True)
class Split:
    """The cases of each side, sorted by name, and how they were chosen."""

    method: Literal["named", "fraction"]
    seed: int
    val_frac: float | None
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of the three lists."""
        text = json.dumps({"train": self.train, "val": self.val, "test": self.test})
        return hashlib.sha256(text.encode()).hexdigest()

    def side(self, case: str) -> Side:
        """Return the side a case is on."""
        for side in ("train", "val", "test"):
            if case in getattr(self, side):
                return side
        return "unused"


def split_cases(
    scans: Sequence[CaseScan],
    config: SplitConfig,
    left_out: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Split:
    """Choose the cases of each side.

    Cases that hold the same voxels, or belong to the same group (of the configuration or of
    ``dataset.json``), always come to the same side.

    Args:
        scans: One scan per case that can be used.
        config: Lists, or a seed and a fraction.
        left_out: Cases that can't be used, with the IDs of the checks that say so.

    Returns:
        The split.

    Raises:
        InputError: A list names an unknown case or one twice, parts a group, or leaves a side empty.
    """
    cases = [scan.case for scan in scans]
    refuse_unknown_cases(cases, config, left_out)
    groups = inseparable_cases(scans, config)
    named = set(config.test) | set(config.val or ()) | set(config.train or ())
    rest = [case for case in cases if case not in named]
    if config.val is not None:
        val, train = set(config.val), set(config.train if config.train is not None else rest)
    else:
        pool = list(config.train) if config.train is not None else rest
        val = _choose_fraction([group for group in groups if set(group) <= set(pool)], len(pool), config)
        train = set(pool) - val
    split = Split(
        method="named" if config.val is not None else "fraction",
        seed=config.seed,
        val_frac=None if config.val is not None else config.val_frac,
        train=tuple(sorted(train)),
        val=tuple(sorted(val)),
        test=tuple(sorted(config.test)),
    )
    _refuse_leaks(split, groups)
    return split


def refuse_unknown_cases(
    cases: Sequence[str], config: SplitConfig, left_out: Mapping[str, Sequence[str]]
) -> None:
    """Refuse lists and groups with a case that is unknown or can't be used, and lists with a case twice.

    Args:
        cases: The cases that can be used.
        config: Lists and groups.
        left_out: Cases that can't be used, with the IDs of the checks that say so.

    Raises:
        InputError: There is such a case.
    """
    named = [*(config.train or ()), *(config.val or ()), *config.test]
    unusable = sorted(set(named) & set(left_out))
    if unusable:
        reasons = ", ".join(f"{case} ({', '.join(left_out[case])})" for case in unusable)
        raise InputError(
            f"The split names cases that can't be used: {reasons}. Take them out of the lists under split, "
            "or mend their files."
        )
    in_groups = [case for members in config.groups.values() for case in members]
    unknown = sorted((set(named) | set(in_groups)) - set(cases) - set(left_out))
    if unknown:
        raise InputError(
            f"The split names cases that dataset.json does not: {', '.join(unknown)}. "
            f"Known are {', '.join(sorted(cases)[:6])}{', ...' if len(cases) > 6 else ''}."
        )
    twice = sorted(case for case, count in Counter(named).items() if count > 1)
    if twice:
        raise InputError(
            f"The split names cases more than once: {', '.join(twice)}. Each may be on one side only."
        )


def inseparable_cases(scans: Sequence[CaseScan], config: SplitConfig) -> list[tuple[str, ...]]:
    """Merge the cases that must stay together: same voxels, same group.

    Args:
        scans: One scan per case.
        config: Its groups count beside those of ``dataset.json``.

    Returns:
        The cases, each in one tuple with those that it must stay with; sorted.
    """
    by_group: dict[str, list[str]] = {}
    for scan in scans:
        if scan.group is not None:
            by_group.setdefault(scan.group, []).append(scan.case)
    bonds: list[Iterable[str]] = [*identical_images(scans), *by_group.values(), *config.groups.values()]
    merged: list[set[str]] = [{scan.case} for scan in scans]
    for bond in bonds:
        touched = [group for group in merged if group & set(bond)]
        merged = [group for group in merged if not group & set(bond)] + [set().union(*touched)]
    return sorted(tuple(sorted(group)) for group in merged if group)


def _choose_fraction(groups: list[tuple[str, ...]], n_cases: int, config: SplitConfig) -> set[str]:
    wanted = max(1, round(config.val_frac * n_cases))
    order = keyed_generator(config.seed, "split").permutation(len(groups))
    chosen: set[str] = set()
    for index in order:
        group = groups[int(index)]
        if len(chosen) + len(group) <= wanted:
            chosen |= set(group)
        if len(chosen) == wanted:
            break
    return chosen


def _refuse_leaks(split: Split, groups: list[tuple[str, ...]]) -> None:
    for side in ("train", "val"):
        if not getattr(split, side):
            raise InputError(
                f"The split leaves no case for {'training' if side == 'train' else 'validation'}. "
                "Change split.val_frac or the lists under split."
            )
    for group in groups:
        sides = {split.side(case) for case in group} - {"unused"}
        if len(sides) > 1:
            where = ", ".join(f"{case} in {split.side(case)}" for case in group)
            raise InputError(
                f"The split parts cases that belong together (the same scan or group): {where}. "
                "Put them on one side, or name the cases to train on in split.train without one of them."
            )
