"""The cases of a folder, whichever way they were found, with names that differ."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from segtrail.dataset.description import CaseFiles
from segtrail.errors import InputError
from segtrail.onboarding.matching import Ambiguity, Matching, Pair
from segtrail.onboarding.words import is_part_of_study

_SHOWN = 10
_MOST_SCANS = 20  # of one patient; a folder with more is a site or a part of the study


@dataclass(frozen=True)
class FoundCases:
    """What a folder holds.

    Attributes:
        cases: Labelled cases.
        unlabelled: Images meant for testing, one tuple of files for each.
        images_alone: Images without a label; they are left out.
        labels_alone: Labels without an image; they are left out.
        label_names: Class name by value, background included, where the folder says so itself.
        channel_names: Names of the channels, where the folder says so itself.
    """

    cases: tuple[CaseFiles, ...]
    unlabelled: tuple[tuple[str, ...], ...] = ()
    images_alone: tuple[str, ...] = ()
    labels_alone: tuple[str, ...] = ()
    label_names: dict[int, str] | None = None
    channel_names: tuple[str, ...] = ()


def cases_of(matching: Matching) -> FoundCases:
    """Name the matched cases.

    Raises:
        InputError: Some files could belong together in several ways; all are listed.
    """
    if matching.ambiguities:
        raise InputError(_describe_ambiguities(matching.ambiguities))
    names = _unique_names(matching.pairs)
    return FoundCases(
        cases=tuple(
            CaseFiles(name, tuple(map(str, pair.images)), str(pair.label), group)
            for name, pair, group in zip(names, matching.pairs, _groups(matching.pairs), strict=True)
        ),
        unlabelled=tuple((str(image),) for image in matching.test_images),
        images_alone=tuple(map(str, matching.images_alone)),
        labels_alone=tuple(map(str, matching.labels_alone)),
    )


def describe_matches(found: FoundCases) -> list[str]:
    """Return the lines of a table of what was matched, and what was left out."""
    rows = [("case", "image", "label")]
    rows += [(case.case, ", ".join(case.images), case.label) for case in found.cases[:_SHOWN]]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {case:{widths[0]}}  {image:{widths[1]}}  {label}" for case, image, label in rows]
    if len(found.cases) > _SHOWN:
        lines.append(f"  and {len(found.cases) - _SHOWN} more")
    if found.unlabelled:
        lines.append(f"For testing, without labels: {len(found.unlabelled)} images.")
    groups = {case.group for case in found.cases if case.group is not None}
    if groups:
        lines.append(f"Subjects with several scans, kept on one side of a split: {_some(sorted(groups))}.")
    for kind, other, files in (
        ("Images", "label", found.images_alone),
        ("Labels", "image", found.labels_alone),
    ):
        if files:
            lines.append(f"{kind} without {other}, left out ({len(files)}): {_some(files)}.")
    return lines


def keep_groups_apart(found: FoundCases) -> FoundCases:
    """Drop the groups where all cases belong to one: there would be nothing to validate on."""
    groups = {case.group for case in found.cases}
    if len(groups) > 1:
        return found
    return replace(found, cases=tuple(replace(case, group=None) for case in found.cases))


def _unique_names(pairs: Sequence[Pair]) -> list[str]:
    for level in range(3):
        names = [pair.names[level] for pair in pairs]
        if len({name.casefold() for name in names}) == len(names):
            return names
    counts = Counter(name.casefold() for name in names)
    twice = [str(pair.images[0]) for pair in pairs if counts[pair.names[-1].casefold()] > 1]
    raise InputError(
        f"These images would give cases of one name: {_some(twice)}. Rename them so that they differ."
    )


def _groups(pairs: Sequence[Pair]) -> list[str | None]:
    """Return the subject of each pair that has several, named as in BIDS or by the folder they share."""
    subjects = [pair.group or patient for pair, patient in zip(pairs, _patients(pairs), strict=True)]
    counts = Counter(subjects)
    return [subject if counts[subject] > 1 else None for subject in subjects]


def _patients(pairs: Sequence[Pair]) -> list[str | None]:
    """Return the folder of each pair where it may be a patient's: one among others, that is no part of a study."""
    counts = Counter(pair.folders for pair in pairs if pair.folders)
    names = Counter(folders[-1] for folders in counts)

    def patient(folders: tuple[str, ...]) -> str | None:
        if len(counts) < 2 or not folders or counts[folders] > _MOST_SCANS or is_part_of_study(folders[-1]):
            return None
        return folders[-1] if names[folders[-1]] == 1 else "_".join(folders)

    return [patient(pair.folders) for pair in pairs]


def _describe_ambiguities(ambiguities: Sequence[Ambiguity]) -> str:
    lines = [
        f"  {_some(list(map(str, one.images)))} with {_some(list(map(str, one.labels)))}"
        for one in ambiguities[:_SHOWN]
    ]
    if len(ambiguities) > _SHOWN:
        lines.append(f"  and {len(ambiguities) - _SHOWN} more")
    advice = []
    if any(len(one.labels) > 1 for one in ambiguities):
        advice.append('where an image has several labels, say which to take, as in --labels "*_seg1.nii.gz"')
    if any(len(one.images) > 1 for one in ambiguities):
        advice.append(
            'where a label has several images, say which to take, as in --images "*_t1.nii.gz", or name the ends '
            'of their names in --channels "t1,t2" to take them as channels of one image (each once for every case)'
        )
    return "\n".join(
        [
            "Files that do not make one image and one label each; nothing is guessed:",
            *lines,
            f"What to do: {'; '.join(advice)}.",
        ]
    )


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(files[:_SHOWN]) + more
