"""``segtrail init`` from start to end: find, read, plan, show, ask, write."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.dataset.description import CaseFiles
from segtrail.dataset.names import comparable
from segtrail.errors import InputError, Interrupted
from segtrail.onboarding.destination import refuse_existing, refuse_read_only, write_all
from segtrail.onboarding.facts import DataFacts, read_facts
from segtrail.onboarding.find_cases import DESCRIPTION, OWN_DESCRIPTION, CaseSource, find_cases
from segtrail.onboarding.find_files import RENUMBERED_FOLDER
from segtrail.onboarding.fit_names import refuse_unfit_options, refuse_unreadable_description
from segtrail.onboarding.found_cases import describe_matches
from segtrail.onboarding.label_values import describe_renumbering, renumbered_files, renumbered_labels
from segtrail.onboarding.naming import ClassNames, name_channels, name_classes
from segtrail.onboarding.plan_training import TrainingPlan, plan_training
from segtrail.onboarding.request import InitRequest
from segtrail.onboarding.write_config import ConfigSubject, config_text
from segtrail.onboarding.write_description import description_text
from segtrail.progress import Narrator


@dataclass(frozen=True)
class _Proposal:
    """All that is to be written, before anything is."""

    request: InitRequest
    source: CaseSource
    facts: DataFacts
    classes: ClassNames
    channels: tuple[str, ...]
    plan: TrainingPlan

    @property
    def cases(self) -> tuple[CaseFiles, ...]:
        """The cases with the labels that they will have."""
        cases = self.source.found.cases
        return renumbered_files(cases) if self.classes.numbers else cases

    @property
    def description(self) -> Path:
        """The description, whether it is there already or not."""
        return self.request.folder / self.source.file_name


def initialise(
    request: InitRequest, narrator: Narrator, confirm: Callable[[str], bool] | None, can_ask: bool = True
) -> dict[str, Any]:
    """Make a description and a configuration for a folder of images.

    Args:
        request: What is asked for.
        narrator: Says what was matched and written.
        confirm: Asks whether to write; None writes without asking.
        can_ask: Whether there is anyone to ask.

    Returns:
        The answer for JSON.

    Raises:
        InputError: The folder, its files or the request can't be worked with; nothing was written.
        Interrupted: The person did not want the files.
    """
    refuse_unfit_options(request)
    source = find_cases(request)
    for line in describe_matches(source.found):
        narrator.say(line)
    _refuse_destination(request, source)
    if confirm is not None and not can_ask:
        raise InputError(
            "Nothing was written, because there is no terminal to ask on. Look at what was matched above, and add "
            "--yes to write it."
        )
    proposal = _propose(request, source, narrator)
    if source.existing is None:
        refuse_unreadable_description(
            _texts(proposal)[proposal.description], request.folder, source.file_name
        )
    _describe(proposal, narrator)
    if confirm is not None and not confirm(_question(proposal)):
        raise Interrupted("Nothing was written, as you said.")
    _write(proposal, narrator)
    return _answer(proposal)


def _refuse_destination(request: InitRequest, source: CaseSource) -> None:
    # Whether a description is written or used as it is, the configuration may not take its place.
    for reserved in {DESCRIPTION, OWN_DESCRIPTION, RENUMBERED_FOLDER}:
        taken = (request.folder / reserved).resolve()
        if comparable(str(request.config_path.resolve())) == comparable(str(taken)):
            raise InputError(
                f"--config {request.config_path} is the place of the data set's own description or labels. "
                "Choose another."
            )
    files = [request.config_path]
    if source.existing is None:
        files.insert(0, request.folder / source.file_name)
    if request.renumber:
        files.append(request.folder / RENUMBERED_FOLDER)
    if not request.overwrite:
        refuse_existing(files)
    refuse_read_only(sorted({file.parent for file in files}))


def _propose(request: InitRequest, source: CaseSource, narrator: Narrator) -> _Proposal:
    cases = source.found.cases
    with narrator.track("Reading the files", len(cases)) as tracker:
        facts = read_facts(request.folder, cases, tracker.advance)
    return _Proposal(
        request=request,
        source=source,
        facts=facts,
        classes=name_classes(request, source, facts),
        channels=name_channels(request, source, facts),
        plan=plan_training(facts, cases),
    )


def _describe(proposal: _Proposal, narrator: Narrator) -> None:
    facts, plan = proposal.facts, proposal.plan
    spacing = _joined(facts.median_spacing_mm)
    narrator.say(
        f"{len(facts.cases)} cases, median {_joined(facts.median_shape)} voxels of {spacing} mm. "
        f"Channels: {', '.join(proposal.channels)}."
    )
    narrator.say(f"Labels: {', '.join(f'{value} {name}' for value, name in proposal.classes.names.items())}.")
    if proposal.classes.numbers:
        narrator.say(
            f"Renumbered copies of the label maps: {describe_renumbering(proposal.classes.numbers)}."
        )
    narrator.say(
        f"First training: {plan.max_epochs} epochs at {_joined(plan.spacing_mm)} mm, on patches of "
        f"{_joined(plan.patch_size)} voxels."
    )


def _joined(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:g}" for value in values)


def _question(proposal: _Proposal) -> str:
    files = [str(proposal.request.config_path)]
    if proposal.source.existing is None:
        files.insert(0, str(proposal.description))
    if proposal.classes.numbers:
        files.insert(0, f"{proposal.request.folder / RENUMBERED_FOLDER} ({len(proposal.cases)} label maps)")
    return f"Write {' and '.join(files)}?"


def _write(proposal: _Proposal, narrator: Narrator) -> None:
    texts = _texts(proposal)
    if proposal.classes.numbers:
        with (
            narrator.track("Writing label maps", len(proposal.cases)) as tracker,
            renumbered_labels(
                proposal.request.folder,
                proposal.source.found.cases,
                proposal.classes.numbers,
                tracker.advance,
            ) as replaced,
        ):
            replaced = [*replaced, *write_all(texts)]
    else:
        replaced = write_all(texts)
    for old in replaced:
        narrator.say(f"What was there before is now {old}.")
    if proposal.source.existing is not None:
        narrator.say(
            f"{proposal.description} was there already and is used as it is. To describe the folder anew, "
            "move it away."
        )
    narrator.say(f"Written: {', '.join(map(str, texts))}.")


def _texts(proposal: _Proposal) -> dict[Path, str]:
    request, source, cases = proposal.request, proposal.source, proposal.cases
    texts: dict[Path, str] = {}
    name = request.data_name
    if source.existing is None:
        texts[proposal.description] = description_text(
            name, cases, source.found.unlabelled, proposal.classes, proposal.channels
        )
    elif request.name is None:
        name = source.existing.name
    subject = ConfigSubject(
        name=name,
        data_root=request.folder.as_posix(),
        description_file=source.file_name,
        has_groups=any(case.group is not None for case in cases),
    )
    texts[request.config_path] = config_text(subject, proposal.facts, proposal.plan)
    return texts


def _answer(proposal: _Proposal) -> dict[str, Any]:
    found = proposal.source.found
    return {
        "schema_version": 1,
        "dataset": str(proposal.description),
        "dataset_written": proposal.source.existing is None,
        "config": str(proposal.request.config_path),
        "cases": [
            {"case": case.case, "image": list(case.images), "label": case.label, "group": case.group}
            for case in proposal.cases
        ],
        "test": [list(files) for files in found.unlabelled],
        "unmatched": {"images": list(found.images_alone), "labels": list(found.labels_alone)},
        "labels": {str(value): name for value, name in proposal.classes.names.items()},
        "renumbered": {str(value): number for value, number in proposal.classes.numbers.items()},
        "channels": list(proposal.channels),
        "spacing_mm": list(proposal.plan.spacing_mm),
        "patch_size": list(proposal.plan.patch_size),
    }
