"""On what the run was made, and how it can be repeated and checked."""

from collections.abc import Iterator

from segtrail.methods_text.described_run import DescribedRun
from segtrail.methods_text.escaping import plain
from segtrail.methods_text.references import cite
from segtrail.report.wording import format_count, format_duration, format_time, join_words

_PACKAGES = {
    "torch": ("PyTorch", "paszke2019pytorch"),
    "monai": ("MONAI", "cardoso2022monai"),
    "numpy": ("NumPy", "harris2020numpy"),
    "scipy": ("SciPy", "virtanen2020scipy"),
    "nibabel": ("NiBabel", None),
}


def software_and_hardware(run: DescribedRun) -> str:
    """Describe programs with their versions, the machine, and what the training took."""
    return " ".join(_made_with(run))


def _made_with(run: DescribedRun) -> Iterator[str]:
    record = run.contents.run
    versions = [
        f"{name} {plain(str(record.environment[key]))}{cite(source) if source else ''}"
        for key, (name, source) in _PACKAGES.items()
        if key in record.environment
    ]
    with_packages = f" with {join_words(versions)}" if versions else ""
    python = (
        f", on Python {plain(str(record.environment['python']))}" if "python" in record.environment else ""
    )
    yield f"Training and evaluation ran in segtrail {plain(record.segtrail_version)}{with_packages}{python}."
    if record.device is not None:
        threads = f", {format_count(record.device.threads, 'thread')}" if record.device.threads else ""
        yield f"The device was {plain(record.device.name)} ({plain(record.device.type)}{threads})."
    if "train" in record.seconds:
        yield f"The training took {format_duration(record.seconds['train'])}."
    if record.energy is not None and record.energy.kwh is not None:
        yield f"By an estimate the run used {record.energy.kwh:.2g} kWh{cite('lannelongue2021green')}."


def reproducibility(run: DescribedRun) -> str:
    """Describe seed, determinism, code, data and the record itself."""
    return " ".join(_identified(run))


def _identified(run: DescribedRun) -> Iterator[str]:
    contents = run.contents
    record, dataset = contents.run, contents.dataset
    yield f"All random choices follow from the seed {run.config.train.seed}."
    if record.device is not None and record.device.deterministic:
        yield "Only deterministic algorithms were used."
    repository = contents.provenance.program_repository if contents.provenance else None
    if repository is not None and repository.commit:
        changed = "" if repository.clean else ", with changes that were not committed"
        yield f"The program was of commit {plain(repository.commit)}{changed}."
    if record.program_sha256:
        yield f"The SHA-256 of its sources is {plain(record.program_sha256)}."
    if dataset is not None and dataset.fingerprint:
        yield f"The fingerprint of the data (SHA-256 over all files) is {plain(dataset.fingerprint)}."
    what = "copy" if contents.share else "run"
    value = f" {contents.fingerprint}," if contents.fingerprint else ""
    yield (
        f"The run is {plain(record.run_id)}, begun {format_time(record.created_utc)}; its record is kept under the "
        f"fingerprint of this {what},{value} the SHA-256 of manifest.json."
    )
    if any(resumed.differences for resumed in record.resumed):
        yield "The training was interrupted, and gone on with under other conditions."
