"""constraints.txt pins all that an installation brings along, so that two of them are the same."""

from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def pins() -> dict[str, Requirement]:
    lines = [line.partition("#")[0].strip() for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def needed(package: str, extras: set[str], seen: set[str]) -> set[str]:
    """Collect what a package brings along on this machine, but for what it pins itself (CUDA's libraries)."""
    for text in requires(package) or ():
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in (extras or {""})
        )
        if wanted and name not in seen and "==" not in str(requirement.specifier):
            seen.add(name)
            needed(name, requirement.extras, seen)
    return seen


def test_every_package_that_comes_along_is_pinned() -> None:
    found = needed(
        "segtrail",
        {
            "",
            "test",
            "sign",
            "serve",
            "mlflow",
            "onnx",
            "monai-bundle",
            "tensorboard",
            "croissant",
            "ro-crate",
        },
        {"segtrail"},
    ) - {"segtrail"}
    assert sorted(found - set(pins())) == []


def test_every_pin_is_of_one_public_version() -> None:
    for requirement in pins().values():
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        assert "+" not in specifier.version
