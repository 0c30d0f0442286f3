"""To which group, a patient or a centre, each case of a run belongs."""

from collections.abc import Mapping
from typing import Any

from segtrail.report.run_contents import RunContents


def torn_groups(contents: RunContents) -> list[str]:
    """Return the groups of which cases stand on more than one side; those of either source by themselves."""
    cases = contents.dataset.cases if contents.dataset else []
    of_description = {case.case: case.group for case in cases if case.group}
    of_configuration = {
        member: name for name, members in _configured(contents.config).items() for member in members
    }
    torn: dict[str, None] = {}
    for group_of in (of_description, of_configuration):
        sides: dict[str, set[str]] = {}
        for case in cases:
            if case.case in group_of and case.side != "unused":
                sides.setdefault(group_of[case.case], set()).add(case.side)
        torn |= dict.fromkeys(name for name, found in sides.items() if len(found) > 1)
    return list(torn)


def groups_of_cases(contents: RunContents) -> dict[str, str]:
    """Return the group of each case that has one; what the configuration names counts before dataset.json."""
    cases = contents.dataset.cases if contents.dataset else []
    found = {case.case: case.group for case in cases if case.group}
    for name, members in _configured(contents.config).items():
        found.update(dict.fromkeys(members, name))
    return found


def _configured(config: Mapping[str, Any] | None) -> dict[str, list[str]]:
    split = (config or {}).get("split")
    groups = split.get("groups") if isinstance(split, Mapping) else None
    if not isinstance(groups, Mapping):
        return {}
    return {str(name): list(map(str, cases)) for name, cases in groups.items() if isinstance(cases, list)}
