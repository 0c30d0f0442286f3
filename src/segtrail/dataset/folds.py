"""Dividing cases into the folds of a cross-validation: each case validates once and trains in all other folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from segtrail.config.schema import SplitConfig
from segtrail.dataset.names import shown_list
from segtrail.dataset.reading.scan import CaseScan
from segtrail.dataset.split import inseparable_cases, refuse_unknown_cases
from segtrail.errors import InputError
from segtrail.randomness import keyed_generator


@dataclass(frozen=True)
class Fold:
    """The cases of one fold, sorted by name.

    Attributes:
        number: From 1.
        val: Cases that validate.
        train: Cases that train: those which validate in the other folds.
    """

    number: int
    val: tuple[str, ...]
    train: tuple[str, ...]


def divide_into_folds(
    scans: Sequence[CaseScan],
    config: SplitConfig,
    n_folds: int,
    left_out: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Fold]:
    """Divide the cases into parts as equal in size as can be; each part validates in one fold.

    Cases that hold the same voxels, or belong to the same group (of the configuration or of ``dataset.json``), always
    come to the same part. The cases of ``split.test`` are in none, and where ``split.train`` is given, only its cases
    are divided.

    Args:
        scans: One scan per case that can be used.
        config: Seed, lists and groups.
        n_folds: How many folds; at least 2.
        left_out: Cases that can't be used, with the IDs of the checks that say so.

    Returns:
        The folds by their number.

    Raises:
        InputError: The lists can't be worked with, or there are fewer groups of cases than folds.
    """
    refuse_unfit_request(config, n_folds)
    cases = [scan.case for scan in scans]
    refuse_unknown_cases(cases, config, left_out)
    groups = _divisible_groups(scans, config)
    if len(groups) < n_folds:
        raise InputError(
            f"{n_folds} folds need at least {n_folds} cases that may be parted, but there are {len(groups)}; cases of "
            "one scan or group count as one, and those of split.test do not count. Ask for fewer with --folds."
        )
    parts = divide_groups(groups, config.seed, n_folds)
    pool = {case for part in parts for case in part}
    return [
        Fold(number, tuple(sorted(part)), tuple(sorted(pool - part)))
        for number, part in enumerate(parts, start=1)
    ]


def refuse_unfit_request(config: SplitConfig, n_folds: int) -> None:
    """Refuse what can be seen to make no folds before any file is read.

    Raises:
        InputError: There are fewer than two folds, or the configuration names the validation cases.
    """
    if n_folds < 2:
        raise InputError(f"--folds is {n_folds}; a cross-validation has at least 2.")
    if config.val is not None:
        raise InputError(
            f"split.val names {shown_list(config.val) or 'no cases'}, but a cross-validation chooses the validation "
            "cases of each fold itself. Add split.val=null; to divide only some cases, name them in split.train."
        )


def _divisible_groups(scans: Sequence[CaseScan], config: SplitConfig) -> list[tuple[str, ...]]:
    """Return the groups of the cases that are to be divided, each without cases that take no part."""
    test = set(config.test)
    pool = {scan.case for scan in scans} - test if config.train is None else set(config.train)
    groups = []
    for group in inseparable_cases(scans, config):
        if pool & set(group) and test & set(group):
            raise InputError(
                f"The cases {', '.join(group)} belong together (the same scan or group), but split.test names only "
                f"{', '.join(sorted(test & set(group)))}. Name all of them there, or name the cases to divide in "
                "split.train without the others."
            )
        if members := tuple(case for case in group if case in pool):
            groups.append(members)
    return groups


def divide_groups(groups: Sequence[tuple[str, ...]], seed: int, n_parts: int) -> list[set[str]]:
    """Divide groups of cases into parts as equal in size as can be.

    Args:
        groups: Cases that stay together.
        seed: Seed of the division.
        n_parts: How many parts; at most as many as groups.

    Returns:
        The cases of each part: each group, the largest first, comes to the part that is smallest by then.
    """
    order = keyed_generator(seed, "folds", n_parts).permutation(len(groups))
    shuffled = sorted((groups[int(index)] for index in order), key=len, reverse=True)
    parts: list[set[str]] = [set() for _ in range(n_parts)]
    for group in shuffled:
        min(parts, key=len).update(group)
    return parts
