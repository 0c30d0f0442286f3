"""What a crate says of a run, in the words of schema.org, as the profile Process Run Crate asks for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.record_schema import RunRecord
from segtrail.report.run_contents import RunContents

VERSION = "1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_PROFILE_VERSION = "0.5"
# Properties that the profile takes from the vocabulary of its family, since that of RO-Crate 1.1 has none of them.
TERMS = {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("environment", "sha256")}
_STATUS = {
    "finished": "http://schema.org/CompletedActionStatus",
    "failed": "http://schema.org/FailedActionStatus",
    "interrupted": "http://schema.org/FailedActionStatus",
}
ACTION = "#training"
PROGRAM = "#program"
DATA_SET = "#data-set"
RUN_LICENCE = "#licence"
DATA_LICENCE = "#licence-of-the-data"
PERSON = "#operator"
# Packages on record, and where they come from, which is their @id too.
_PACKAGES = {
    "python": ("Python", "https://www.python.org/"),
    "torch": ("PyTorch", "https://pytorch.org/"),
    "monai": ("MONAI", "https://monai.io/"),
    "numpy": ("NumPy", "https://numpy.org/"),
    "scipy": ("SciPy", "https://scipy.org/"),
    "nibabel": ("NiBabel", "https://nipy.org/nibabel/"),
}


@dataclass(frozen=True)
class Described:
    """An entity of the crate beside its files.

    Attributes:
        id: Its ``@id``.
        properties: Its type and properties.
    """

    id: str
    properties: Mapping[str, Any] = field(repr=False)


def root_properties(contents: RunContents) -> dict[str, Any]:
    """Describe the crate itself."""
    run = contents.run
    title = run.project or "a network"
    kind = "Shared copy of the run" if contents.share else "Run"
    sealed = f"Fingerprint: {contents.fingerprint}." if contents.fingerprint else "The run is not sealed."
    told: dict[str, Any] = {
        "name": f"{title}: {run.run_id}",
        "description": f"{kind} {run.run_id}: {_purpose(run)}. {sealed}",
        "datePublished": _time(run.ended_utc or run.created_utc),
        "license": {"@id": RUN_LICENCE},
        "conformsTo": {"@id": PROFILE},
        "mentions": {"@id": ACTION},
    }
    return told | ({"identifier": f"sha256:{contents.fingerprint}"} if contents.fingerprint else {})


def action_properties(contents: RunContents, inputs: Sequence[str], results: Sequence[str]) -> dict[str, Any]:
    """Describe the training.

    Args:
        contents: The run.
        inputs: ``@id`` of what it read.
        results: ``@id`` of what it made.
    """
    run = contents.run
    told: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"Training of {run.run_id}",
        "description": _course(run),
        "startTime": _time(run.created_utc),
        "instrument": {"@id": PROGRAM},
        "object": references(inputs),
        "result": references(results),
        "environment": references([_variable_id(name) for name in _environment(contents)]),
    }
    if run.ended_utc is not None:
        told["endTime"] = _time(run.ended_utc)
    if run.status in _STATUS:
        told["actionStatus"] = _STATUS[run.status]
    if run.status in ("failed", "interrupted"):
        told["error"] = run.ended_because or f"The run is {run.status}."
    if run.operator:
        told["agent"] = {"@id": PERSON}
    return {key: value for key, value in told.items() if value}


def contextual_entities(contents: RunContents, files: Mapping[str, str]) -> Iterator[Described]:
    """Describe what is not in the crate: program, packages, data set, licences, person, variables, profile.

    Args:
        contents: The run.
        files: ``@id`` of each file by its path in the run.
    """
    run = contents.run
    yield Described(
        PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": _PROFILE_VERSION}
    )
    yield from _licences(contents.dataset)
    yield from _programs(run)
    if run.operator:
        yield Described(PERSON, {"@type": "Person", "name": run.operator})
    yield from _data_set(contents, files)
    for name, value in _environment(contents).items():
        yield Described(_variable_id(name), {"@type": "PropertyValue", "name": name, "value": value})


def has_data_set(contents: RunContents) -> bool:
    """Tell whether the data set is on record."""
    recorded = contents.run.recorded
    return contents.dataset is not None or (recorded is not None and recorded.data is not None)


def references(ids: Sequence[str]) -> Any:
    """Refer to entities: RO-Crate 1.1 wants a single one without a list around it."""
    found = [{"@id": one} for one in ids]
    return found[0] if len(found) == 1 else found


def _environment(contents: RunContents) -> Mapping[str, str]:
    """Return the environment variables on record, which change what is computed."""
    machine = contents.provenance.machine if contents.provenance else None
    return machine.environment_variables if machine else {}


def _variable_id(name: str) -> str:
    return f"#environment-{quote(name)}"


def _purpose(run: RunRecord) -> str:
    if run.recorded is not None:
        return f"a training of {run.recorded.program}, recorded by segtrail {run.segtrail_version}"
    return f"a 3D segmentation network trained on medical images with segtrail {run.segtrail_version}"


def _course(run: RunRecord) -> str:
    """Tell in words what the profile has no property for: the command, the device, that the end is not there yet."""
    command = " ".join(run.recorded.command) if run.recorded else run.start_command
    sentences = [f"Command: {command}"] if command else []
    if run.device is not None:
        sentences.append(f"Device: {run.device.name} ({run.device.type}, {run.device.precision})")
    sentences.append(f"Outcome: {run.ended_because}" if run.ended_because else f"The run is {run.status}")
    return "".join(f"{sentence}. " for sentence in sentences).rstrip()


def _licences(data: DatasetSummary | None) -> Iterator[Described]:
    stated = data.licence if data is not None else None
    source = f"on record as: {stated}" if stated else "not on record either"
    yield Described(
        RUN_LICENCE,
        {
            "@type": "CreativeWork",
            "name": "No licence is on record",
            "description": "The record of a run names no licence for its files. Ask whoever you have the crate from. "
            f"That of the data set is {source}; it may bind what shows the data or was made from them.",
        },
    )
    if stated:
        yield Described(
            DATA_LICENCE,
            {
                "@type": "CreativeWork",
                "name": stated,
                "description": "The licence of the data set, as its description names it.",
            },
        )


def _programs(run: RunRecord) -> Iterator[Described]:
    """Describe the program that trained, and the packages that it ran with."""
    versions = {key: run.environment.get(key) for key in _PACKAGES}
    needed = [key for key, version in versions.items() if version]
    told: dict[str, Any] = {"@type": "SoftwareApplication"}
    if run.recorded is not None:
        told |= {"name": run.recorded.program}
    else:
        told |= {"name": "segtrail", "softwareVersion": run.segtrail_version}
        told |= {"identifier": f"sha256:{run.program_sha256}"} if run.program_sha256 else {}
    if needed:
        told["softwareRequirements"] = references([_PACKAGES[key][1] for key in needed])
    yield Described(PROGRAM, told)
    for key in needed:
        name, url = _PACKAGES[key]
        yield Described(
            url,
            {"@type": "SoftwareApplication", "name": name, "softwareVersion": str(versions[key]), "url": url},
        )


def _data_set(contents: RunContents, files: Mapping[str, str]) -> Iterator[Described]:
    """Describe the data set, whose files are not in the crate; their hashes are in a file of the run."""
    if not has_data_set(contents):
        return
    data, recorded = contents.dataset, contents.run.recorded
    listed = [files[name] for name in ("dataset_summary.json", "data_files.csv") if name in files]
    told: dict[str, Any] = {"@type": "Dataset", "subjectOf": references(listed)}
    if data is not None:
        told |= {
            "name": data.name or "the data set",
            "description": data.description,
            "version": data.release,
            "citation": data.reference,
            "identifier": f"sha256:{data.fingerprint}" if data.fingerprint else None,
            "license": {"@id": DATA_LICENCE} if data.licence else None,
        }
    elif recorded is not None and recorded.data is not None:
        told |= {"name": recorded.data_set or "the data set", "identifier": f"sha256:{recorded.data.sha256}"}
    yield Described(DATA_SET, {key: value for key, value in told.items() if value})


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
