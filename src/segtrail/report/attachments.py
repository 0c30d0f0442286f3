"""Files of the record that lie in the report itself, so that whoever has the PDF alone has the numbers too."""

from pathlib import Path

from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import as_written
from segtrail.record.recorded_training import CONFIGURATION_FILE

# What each is, by its name; the others of a run are too large, or show patients.
DESCRIPTIONS = {
    "metrics_summary.json": "Metrics over cases, with intervals and definitions.",
    "metrics_cases.csv": "Every metric of every case, unrounded.",
    "config_resolved.yaml": "Every value of the configuration.",
    CONFIGURATION_FILE: "What the training was configured with, from the program's own files.",
    MANIFEST: "Every file of the run with its hash; its own SHA-256 is the fingerprint.",
}
_KINDS = {".json": "application/json", ".csv": "text/csv", ".yaml": "application/yaml"}


def read_attachments(run_dir: Path) -> dict[str, bytes]:
    """Read the files of a run that its report carries.

    Args:
        run_dir: The run folder.

    Returns:
        The bytes of those that are there, by name, as they were written.
    """
    paths = [run_dir / name for name in DESCRIPTIONS]
    return {path.name: as_written(path) for path in paths if path.is_file()}


def describe_attachment(name: str) -> dict[str, str]:
    """Say of an attached file what a PDF of the standard A-3 has to say: its kind, what it is, and what it is to it."""
    relationship = "source" if name.startswith("metrics") else "supplement"
    kind = _KINDS[Path(name).suffix]
    return {
        "name": name,
        "mime": kind,
        "description": DESCRIPTIONS[name],
        "relationship": relationship,
    }
