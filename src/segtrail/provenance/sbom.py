"""The bill of materials: the packages of a run in the format CycloneDX 1.6 (ECMA-424), which security tools read."""

import functools
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from segtrail.provenance.packages import Package
from segtrail.version import __version__


def make_bill_of_materials(packages: Sequence[Package], run_id: str, moment: datetime) -> str:
    """Describe the packages, and which needs which.

    Args:
        packages: What is installed.
        run_id: The run; it gives the bill its serial number.
        moment: When the run was opened.

    Returns:
        The JSON document.
    """
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"segtrail:{run_id}")
    bill = json.loads(_describe(tuple(packages)))
    bill["serialNumber"] = serial.urn
    bill["metadata"]["timestamp"] = moment.isoformat()
    return json.dumps(bill, indent=2) + "\n"


@functools.lru_cache(maxsize=1)
def _describe(packages: tuple[Package, ...]) -> str:
    """Describe packages as JSON, with a serial number and a moment that mean nothing.

    Sorting them takes a while, and a program that trains one run after another has one list for all.
    """
    bill = Bom(serial_number=uuid.UUID(int=0))
    bill.metadata.timestamp = datetime.min.replace(tzinfo=UTC)
    root = Component(
        name="segtrail", version=__version__, type=ComponentType.APPLICATION, bom_ref="segtrail-program"
    )
    bill.metadata.component = root
    parts = {str(canonicalize_name(package.name)): _component(package) for package in packages}
    needs = {str(canonicalize_name(package.name)): package.requires for package in packages}
    bill.components.update(parts.values())
    bill.register_dependency(root, [parts["segtrail"]] if "segtrail" in parts else list(parts.values()))
    for name, part in parts.items():
        bill.register_dependency(
            part, [parts[need] for need in needs[name] if need in parts and need != name]
        )
    return str(JsonV1Dot6(bill).output_as_string())


def _component(package: Package) -> Component:
    proof = [Property(name="segtrail:record_sha256", value=package.record_sha256)]
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}@{package.version}",
        purl=PackageURL("pypi", None, str(canonicalize_name(package.name)), package.version),
        licenses=[LicenseFactory().make_from_string(package.licence)] if package.licence else [],
        properties=proof if package.record_sha256 else [],
    )
