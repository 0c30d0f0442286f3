"""What the record of a run says of the items of CLAIM, in a few words with their values."""

from collections.abc import Callable, Mapping
from typing import Any

from segtrail.report.case_groups import groups_of_cases
from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.record_schema import Statistics
from segtrail.report.run_contents import RunContents
from segtrail.report.sections.configuration import flatten
from segtrail.report.wording import SIDE_NAMES, format_confidence, format_count, format_number, join_words

_MOST_CLASSES = 3
_PRIVACY = "identifying"


def _network(contents: RunContents) -> str:
    named = [
        f"{stage.model.name}" + (f", {stage.model.parameters:,} weights" if stage.model.parameters else "")
        for stage in contents.stages
        if stage.model
    ]
    recorded = contents.run.recorded
    return join_words(named) if named else (recorded.network or recorded.program if recorded else "")


def _kind(contents: RunContents) -> str:
    network = _network(contents)
    return f"deep learning, segmentation of 3D images: {network}" if network else ""


def _scores(contents: RunContents) -> str:
    """Mean Dice of each side, with its interval; for many classes the range of the classes."""
    texts = []
    for side in ("test", "val"):
        classes = contents.metrics.splits.get(side, {}) if contents.metrics else {}
        dices = {name: item.metrics["dice"] for name, item in classes.items() if "dice" in item.metrics}
        if len(dices) > _MOST_CLASSES:
            texts += _range_of_classes(side, [dice.mean for dice in dices.values() if dice.mean is not None])
        else:
            texts += [
                f"{SIDE_NAMES[side]}, {name}: Dice {_with_interval(dice)}" for name, dice in dices.items()
            ]
    return "; ".join(texts)


def _range_of_classes(side: str, means: list[float]) -> list[str]:
    if not means:
        return []
    low, high = format_number(min(means)), format_number(max(means))
    return [f"{SIDE_NAMES[side]}: Dice {low} to {high} over {len(means)} classes"]


def _with_interval(dice: Statistics) -> str:
    mean = format_number(dice.mean)
    if dice.interval is None:
        return mean
    low, high = map(format_number, dice.interval)
    return f"{mean} ({low} to {high})"


def _description(contents: RunContents) -> str:
    project = (contents.config or {}).get("project")
    return str(project.get("description") or "") if isinstance(project, Mapping) else ""


def _of_data(answer: Callable[[DatasetSummary], str]) -> Callable[[RunContents], str]:
    """Answer from the summary of the data; nothing where there is none."""
    return lambda contents: answer(contents.dataset) if contents.dataset else ""


def _sources(dataset: DatasetSummary) -> str:
    licence = f"licence {dataset.licence}" if dataset.licence else "no licence stated"
    return ", ".join(filter(None, [dataset.name, dataset.reference, dataset.release, licence]))


def _left_out(dataset: DatasetSummary) -> str:
    n_left = len(dataset.left_out)
    return f"{format_count(len(dataset.cases), 'case')}, {n_left} left out by the checks"


def _subsets(dataset: DatasetSummary) -> str:
    unused = sum(case.side == "unused" for case in dataset.cases)
    return f"every case that dataset.json names under training; {unused} not used"


def _privacy(dataset: DatasetSummary) -> str:
    found = next((check for check in dataset.checks if check.id == _PRIVACY), None)
    if found is None:
        return ""
    return (
        "no sign of a patient's identity in names and headers"
        if found.status == "passed"
        else "signs in names or headers"
    )


def _missing_data(contents: RunContents) -> str:
    splits = contents.metrics.splits if contents.metrics else {}
    n_absent = sum(item.n_left_out for classes in splits.values() for item in classes.values())
    n_left = len(contents.dataset.left_out) if contents.dataset else 0
    absent = f"; {n_absent} times a class was in neither map and did not count" if splits else ""
    return f"{format_count(n_left, 'case')} left out{absent}"


def _acquisition(dataset: DatasetSummary) -> str:
    modality = ", ".join(dataset.modality.values())
    every = dataset.aggregates.get("all")
    if every is None:
        return modality
    spacing = " × ".join(f"{value:.2f}" for value in every.spacing_mm.median)
    return f"{modality}, median spacing {spacing} mm"


def _counts(dataset: DatasetSummary) -> str:
    sides = [case.side for case in dataset.cases]
    counts = [f"{sides.count(side):,} {name}" for side, name in SIDE_NAMES.items() if side in sides]
    return join_words(counts) if counts else "none"


def _test_size(dataset: DatasetSummary) -> str:
    n_test = sum(case.side == "test" for case in dataset.cases)
    return format_count(n_test, "test case") if n_test else "no test cases"


def _assignment(dataset: DatasetSummary) -> str:
    split = dataset.split
    how = "by named lists" if split.method == "named" else f"at random, seed {split.seed}"
    return f"{how}: {_counts(dataset)}"


def _level(contents: RunContents) -> str:
    if contents.dataset is None:
        return ""
    groups = set(groups_of_cases(contents).values())
    named = f"and {format_count(len(groups), 'group')}" if groups else "; no groups are named"
    return f"scans, by the hash of their voxels{' ' if groups else ''}{named}"


def _software(contents: RunContents) -> str:
    known = contents.run.environment
    named = [f"{name} {known[name]}" for name in ("python", "torch", "monai", "numpy") if name in known]
    return ", ".join([f"segtrail {contents.run.segtrail_version}", *named])


def _settings(contents: RunContents, key: str) -> str:
    """A value of the configuration, of each stage where there are several."""
    config: Mapping[str, Any] = contents.config or {}
    stages = config.get("stages")
    of_stages = stages if isinstance(stages, Mapping) and stages else {"": config}
    values = {
        name: dict(flatten(stage)).get(key) for name, stage in of_stages.items() if isinstance(stage, Mapping)
    }
    return ", ".join(f"{value} ({name})" if name else value for name, value in values.items() if value)


def _listed(contents: RunContents, settings: Mapping[str, str]) -> str:
    known = {words: _settings(contents, key) for words, key in settings.items()}
    return ", ".join(f"{words} {value}" for words, value in known.items() if value)


def _preprocessing(contents: RunContents) -> str:
    return _listed(
        contents,
        {"spacing in mm": "preprocess.spacing", "intensities": "preprocess.normalisation"},
    )


def _beginning(contents: RunContents) -> str:
    if contents.run.parent is not None:
        return f"those of {contents.run.parent.run_id}, which this run extends"
    seed = _settings(contents, "train.seed")
    return f"drawn at random, seed {seed}" if seed else ""


def _training(contents: RunContents) -> str:
    return _listed(
        contents,
        {
            "epochs planned": "train.max_epochs",
            "batch": "train.batch_size",
            "optimiser": "optim.name",
            "learning rate": "optim.lr",
            "loss": "train.loss.name",
            "augmentation enabled": "augment.enabled",
        },
    )


def _selection(contents: RunContents) -> str:
    selection = contents.metrics.selection if contents.metrics else None
    return f"epoch {selection.best_epoch}: {selection.rule}" if selection else ""


def _ensembles(contents: RunContents) -> str:
    n_stages = len(contents.stages)
    what = "none: one network" if n_stages == 1 else f"none: {n_stages} networks, one after the other"
    return what if contents.config else ""


def _metric_names(contents: RunContents) -> str:
    return ", ".join(item.name for item in contents.metrics.definitions.values()) if contents.metrics else ""


def _uncertainty(contents: RunContents) -> str:
    bootstrap = contents.metrics.bootstrap if contents.metrics else None
    if bootstrap is None:
        return ""
    how = f"{format_confidence(bootstrap.confidence)} intervals, {bootstrap.method}, {bootstrap.samples:,} samples"
    return f"{how}; no test of significance"


def _failures(contents: RunContents) -> str:
    cases = contents.cases or []
    if not cases:
        return ""
    failed = list(dict.fromkeys(row.case for row in cases if row.status in ("missed", "false_positive")))
    dices = [(dice, row.case) for row in cases if (dice := row.metric("dice")) is not None]
    lowest = f"; lowest Dice {format_number(min(dices)[0])} ({min(dices)[1]})" if dices else ""
    return f"{format_count(len(failed), 'case')} failed{lowest}"


def _limitations(contents: RunContents) -> str:
    return f"{len(contents.card.limitations)} named" if contents.card else ""


def _intended_use(contents: RunContents) -> str:
    return contents.card.intended_use if contents.card else ""


def _details(contents: RunContents) -> str:
    digest = contents.fingerprint
    return (
        f"every setting, and the code; fingerprint {digest[:12]}…"
        if digest
        else "every setting, and the code"
    )


def _access(contents: RunContents) -> str:
    program = contents.provenance.program_repository if contents.provenance else None
    code = ""
    if program is not None and program.commit:
        code = f"commit {program.commit[:12]}, {'clean' if program.clean else 'with changes'}; "
    licence = contents.dataset.licence if contents.dataset else ""
    return f"{code}licence of the data: {licence or 'not stated'}"


# By the number of the item; a text is empty where the record does not say.
ANSWERS: Mapping[int, Callable[[RunContents], str]] = {
    1: _kind,
    2: _scores,
    3: _intended_use,
    4: _description,
    7: _of_data(_sources),
    8: _of_data(_left_out),
    9: _preprocessing,
    10: _of_data(_subsets),
    11: _of_data(_privacy),
    12: _missing_data,
    13: _of_data(_acquisition),
    17: _of_data(_test_size),
    19: _of_data(_assignment),
    20: _level,
    21: _of_data(_test_size),
    22: _network,
    23: _software,
    24: _beginning,
    25: _training,
    26: _selection,
    27: _ensembles,
    28: _metric_names,
    29: _uncertainty,
    30: lambda _: "nothing in this run; “segtrail cv”, “seeds” and “evaluate” measure it",
    31: lambda _: "none; pictures of cases with both contours",
    32: _scores,
    33: lambda _: "nothing in this run; “segtrail evaluate --save” measures it",
    35: _of_data(_counts),
    36: lambda _: "spacing, intensity and volumes of each side",
    37: _scores,
    38: lambda _: "no diagnosis is made: overlap, distances and volumes are measured",
    39: _failures,
    40: _limitations,
    41: _intended_use,
    42: _details,
    43: _access,
}
