"""What is not the same in the data and in how they were divided."""

from collections.abc import Sequence

from segtrail.dataset.names import shown_list
from segtrail.report.dataset_schema import MeasuredDataset
from segtrail.report.wording import join_words
from segtrail.run_comparison.compared_run import ComparedRun
from segtrail.run_comparison.difference import Difference, as_text, find_differences


def data_differences(runs: Sequence[ComparedRun]) -> tuple[list[Difference], list[str]]:
    """Compare data set, fingerprint, split, and the cases that each run trained on.

    Args:
        runs: The runs.

    Returns:
        The differences, and in sentences what could not be compared.
    """
    only_here = _trained_only_here(runs)
    facts = [_facts(run, only) for run, only in zip(runs, only_here, strict=True)]
    unknown = [run.name for run in runs if run.dataset is None]
    notes = []
    if unknown:
        notes.append(
            f"The cases that {join_words(unknown)} trained on are not on record with their hashes, and not compared."
        )
    return find_differences(runs, facts), notes


def _facts(run: ComparedRun, only_here: str | None) -> dict[str, str | None]:
    dataset = run.dataset
    if dataset is None:
        return _facts_of_recorded(run)
    split = dataset.split
    return {
        "data set": as_text(dataset.name),
        "release": as_text(dataset.release),
        "classes": ", ".join(name for value, name in dataset.labels.items() if value != "0"),
        "fingerprint of the data": as_text(dataset.fingerprint),
        "SHA-256 of dataset.json": as_text(dataset.dataset_json_sha256),
        "SHA-256 of the list of files": None,
        "training cases": str(sum(case.side == "train" for case in dataset.cases)),
        "trained on only here": only_here,
        "validation cases": str(sum(case.side == "val" for case in dataset.cases)),
        "test cases": str(sum(case.side == "test" for case in dataset.cases)),
        "split": as_text(split.method),
        "seed of the split": as_text(split.seed),
        "hash of the split": as_text(split.hash),
    }


def _facts_of_recorded(run: ComparedRun) -> dict[str, str | None]:
    recorded = run.record.recorded
    if recorded is None:
        return {}
    return {
        "data set": as_text(recorded.data_set),
        "SHA-256 of the list of files": None if recorded.data is None else recorded.data.sha256,
        "training cases": as_text(recorded.train_cases),
        "validation cases": str(len(recorded.measured)),
    }


def _trained_only_here(runs: Sequence[ComparedRun]) -> list[str | None]:
    """Name, for each run, the training cases that not all runs have, told by the image's voxels."""
    trained = [None if run.dataset is None else _trained(run.dataset) for run in runs]
    known = [cases for cases in trained if cases is not None]
    shared = set.intersection(*[set(cases) for cases in known]) if known else set()
    return [
        None
        if cases is None
        else shown_list([name for key, name in cases.items() if key not in shared]) or None
        for cases in trained
    ]


def _trained(dataset: MeasuredDataset) -> dict[tuple[str, str], str]:
    return {
        (case.image.sha256_voxels, case.label.sha256_voxels): case.case
        for case in dataset.cases
        if case.side == "train"
    }
