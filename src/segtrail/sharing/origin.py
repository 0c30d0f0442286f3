"""The folder ``provenance`` of a shared copy: commit, versions, packages and machine, but no name of a person."""

from segtrail.sharing.rules import (
    RUN_ID,
    SHA256,
    TIME,
    always,
    each,
    flag,
    mapping,
    number,
    one_of,
    or_null,
    pattern,
    text,
    those_that_fit,
)

GAP = "What was not on record is told in the run itself."
_VERSION_TAG = pattern(r"v?[0-9]+(\.[0-9]+)*([-.]?(a|b|rc|dev|post)[0-9]*)?")
_SWITCHES = ("deterministic_algorithms", "cudnn_deterministic", "cudnn_benchmark", "cudnn_tf32", "onednn")
_CARD_NUMBERS = ("memory_gb", "multiprocessors", "power_limit_watts")
_CARD_TEXTS = ("name", "compute_capability", "cuda", "cudnn", "driver")
_REPOSITORY = or_null(
    mapping(
        {
            "commit": or_null(pattern(r"[0-9a-f]{40,64}")),
            "tags": those_that_fit(_VERSION_TAG),
            "clean": flag,
            "changed_files": number,
            "untracked": number,
        }
    )
)
_MACHINE = mapping(
    {
        "python": mapping(dict.fromkeys(("version", "implementation", "compiler"), text)),
        "system": mapping(dict.fromkeys(("name", "release", "distribution"), text)),
        "processor": mapping(
            {
                "name": text,
                "architecture": text,
                **dict.fromkeys(("cores", "logical_cores", "usable_cores"), or_null(number)),
                "instructions": each(text),
            }
        ),
        "memory_gb": number,
        "graphics_cards": each(
            mapping({**dict.fromkeys(_CARD_NUMBERS, number), **dict.fromkeys(_CARD_TEXTS, text)})
        ),
        "threads": mapping({"within": number, "between": number}),
        "switches": mapping({**dict.fromkeys(_SWITCHES, flag), "matmul_precision": text}),
    }
)
PROVENANCE_RULE = mapping(
    {
        "schema_version": number,
        "run_id": RUN_ID,
        "program_repository": _REPOSITORY,
        "working_repository": _REPOSITORY,
        "machine": _MACHINE,
        "gaps": each(always(GAP)),
    }
)
_PACKAGE = mapping(
    {
        "name": text,
        "version": text,
        "record_sha256": or_null(SHA256),
        "licence": text,
        "editable": flag,
    }
)
PACKAGES_RULE = mapping({"schema_version": number, "packages": each(_PACKAGE)})
_LICENCE = mapping({"license": mapping({"id": text, "name": text}), "expression": text})
_COMPONENT = mapping(
    {
        "bom-ref": text,
        "name": text,
        "version": text,
        "type": one_of("library", "application"),
        "purl": text,
        "licenses": each(_LICENCE),
        "properties": each(mapping({"name": one_of("segtrail:record_sha256"), "value": SHA256})),
    }
)
BILL_RULE = mapping(
    {
        "$schema": pattern(r"http://cyclonedx\.org/schema/bom-[0-9.]+\.schema\.json"),
        "bomFormat": one_of("CycloneDX"),
        "specVersion": pattern(r"[0-9.]+"),
        "serialNumber": pattern(r"urn:uuid:[0-9a-f-]{36}"),
        "version": number,
        "metadata": mapping({"timestamp": TIME, "component": _COMPONENT}),
        "components": each(_COMPONENT),
        "dependencies": each(mapping({"ref": text, "dependsOn": each(text)})),
    }
)
