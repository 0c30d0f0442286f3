"""The names that cases and groups have in a shared copy, in an order that only the salt explains."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from segtrail.sharing.salt import keyed_hash

# Nobody calls a case so, and nobody takes it for the name of a case in the hospital.
CASE_PATTERN = re.compile(r"shared_case_[0-9]{3,}")
GROUP_PATTERN = re.compile(r"shared_group_[0-9]{3,}")
_FEWEST_DIGITS = 3


@dataclass(frozen=True)
class Pseudonyms:
    """Names in the copy by the names of the run.

    Attributes:
        cases: Of cases.
        groups: Of groups, which are patients or centres.
    """

    cases: Mapping[str, str]
    groups: Mapping[str, str]


def draw_pseudonyms(salt: bytes, cases: Collection[str], groups: Collection[str]) -> Pseudonyms:
    """Number cases and groups in the order of their hashes with the salt.

    Args:
        salt: The salt of the copy.
        cases: Names of all cases.
        groups: Names of all groups.

    Returns:
        A name for each; the same salt gives the same.
    """
    return Pseudonyms(_number(salt, "case", cases), _number(salt, "group", groups))


def _number(salt: bytes, kind: str, names: Collection[str]) -> dict[str, str]:
    ordered = sorted(set(names), key=lambda name: keyed_hash(salt, f"segtrail share {kind} 1", name))
    digits = max(_FEWEST_DIGITS, len(str(len(ordered))))
    return {name: f"shared_{kind}_{number:0{digits}d}" for number, name in enumerate(ordered, start=1)}
