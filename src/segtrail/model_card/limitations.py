"""The limitations of a network, as far as the record of its run shows them."""

from collections.abc import Iterator

from segtrail.report.case_groups import groups_of_cases, torn_groups
from segtrail.report.record_schema import MetricsSummary
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import SIDE_NAMES, as_sentence, format_count

_FEW_CASES = 10
_ALWAYS = (
    "A network knows the scanners, protocols, orientations and patients that it was trained on. segtrail predict warns "
    "of images whose spacing, extent or intensity is unlike those; it can't tell another organ or disease.",
    "Spacing and orientation come from the header of each file; nothing compares the header with the anatomy.",
    "The intervals are over cases, for this one training with one seed; another seed gives another network.",
)
_TWO_STAGES = (
    "The second network sees only what the first one found. The guard tells what is out of the ordinary by volume, "
    "confidence and border; it does not know anatomy."
)


def limitations(contents: RunContents) -> list[str]:
    """List what limits the results of a run.

    Args:
        contents: The run.

    Returns:
        Sentences, those about this run first.
    """
    found = [*_of_results(contents.metrics), *_of_data(contents)]
    if any(entry.differences for entry in contents.run.resumed):
        found.append("The training was gone on with under other conditions than those it began with.")
    found += (
        [as_sentence(f"Not on record: {gap}") for gap in contents.provenance.gaps]
        if contents.provenance
        else []
    )
    stages = [_TWO_STAGES] if len(contents.stages) > 1 else []
    return [*found, *stages, *_ALWAYS]


def _of_results(metrics: MetricsSummary | None) -> Iterator[str]:
    if metrics is None:
        return
    if not metrics.splits.get("test"):
        yield "No test cases were kept, so no figure here is of cases that took no part."
    if metrics.selection and metrics.selection.caution:
        yield as_sentence(metrics.selection.caution)
    for side in ("test", "val"):
        for name, summary in metrics.splits.get(side, {}).items():
            if summary.n < _FEW_CASES:
                counted = format_count(summary.n, f"{SIDE_NAMES[side]} case")
                yield f"The figures of {name} rest on {counted}: they are indicative only."


def _of_data(contents: RunContents) -> Iterator[str]:
    dataset = contents.dataset
    if dataset is None:
        return
    n_train = [case.side for case in dataset.cases].count("train")
    yield f"It was trained on {format_count(n_train, 'case')} of one data set, {dataset.name}."
    groups = set(groups_of_cases(contents).values())
    if groups:
        torn = len(torn_groups(contents))
        sides = f"cases of {torn} stand on more than one side" if torn else "each is on one side"
        yield f"Cases belong to {format_count(len(groups), 'group')}, which are patients or centres; {sides}."
    else:
        yield (
            "No groups of cases are on record: whether every case is another patient, and how many centres they come "
            "from, is not known."
        )
    if dataset.left_out:
        names = ", ".join(f"{item.case} ({', '.join(item.checks)})" for item in dataset.left_out)
        yield f"Cases were left out, since they can't be used: {names}."
