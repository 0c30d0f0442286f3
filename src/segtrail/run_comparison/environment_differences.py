"""What is not the same in machine, Python and packages."""

from collections.abc import Sequence

from segtrail.report.wording import join_words
from segtrail.run_comparison.compared_run import ComparedRun, Package
from segtrail.run_comparison.difference import Difference, as_text, find_differences

_SHOWN_OF_A_HASH = 8


def environment_differences(runs: Sequence[ComparedRun]) -> tuple[list[Difference], list[str]]:
    """Compare device, precision, threads, system, Python and every package.

    Args:
        runs: The runs.

    Returns:
        The differences, and in sentences what could not be compared.
    """
    missing = [run.name for run in runs if run.packages is None]
    found = find_differences(runs, [_machine(run) for run in runs])
    if missing:
        named = join_words(missing)
        return found, [f"Packages are not compared: their list is missing, or can't be read, for {named}."]
    builds = _packages_with_several_builds(runs)
    return found + find_differences(runs, [_packages(run, builds) for run in runs], lists_are_whole=True), []


def _machine(run: ComparedRun) -> dict[str, str | None]:
    device, environment = run.record.device, run.record.environment
    instructions = (run.state.get("device") or {}).get("instructions")
    return {
        "device": None if device is None else as_text(device.name),
        "kind of device": None if device is None else as_text(device.type),
        "instructions": as_text(instructions),
        "precision": None if device is None else as_text(device.precision),
        "threads": None if device is None else as_text(device.threads),
        "repeatable algorithms alone": None if device is None else as_text(device.deterministic),
        **{key: as_text(environment.get(key)) for key in ("os", "machine", "python")},
    }


def _packages_with_several_builds(runs: Sequence[ComparedRun]) -> set[str]:
    """Find the packages of which a version is there in several builds."""
    builds: dict[tuple[str, str], set[str | None]] = {}
    for run in runs:
        for package in _listed(run):
            builds.setdefault((package.name, package.version), set()).add(package.record_sha256)
    return {name for (name, _), hashes in builds.items() if len(hashes) > 1}


def _packages(run: ComparedRun, with_builds: set[str]) -> dict[str, str | None]:
    return {
        f"package {package.name}": _version(package, package.name in with_builds) for package in _listed(run)
    }


def _version(package: Package, with_build: bool) -> str:
    if not with_build:
        return package.version
    build = "not known" if package.record_sha256 is None else package.record_sha256[:_SHOWN_OF_A_HASH]
    return f"{package.version}, build {build}"


def _listed(run: ComparedRun) -> Sequence[Package]:
    return () if run.packages is None else run.packages.packages
