"""Training the networks of a run one after the other, the second where the first one looks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrail.compute import Compute
from segtrail.dataset.folds import divide_groups
from segtrail.experiment.preparation import PreparedData, Stage, build_stage_network
from segtrail.experiment.region_record import RegionRecord
from segtrail.experiment.train_progress import TrainProgress
from segtrail.experiment.validation import Validation
from segtrail.experiment.watching import OnEpoch
from segtrail.inference.expectation import Expectation
from segtrail.inference.network_pass import NetworkPass
from segtrail.inference.predictor import Predictor
from segtrail.inference.region_pass import RegionPass, Search
from segtrail.networks.build import BuiltNetwork
from segtrail.progress import Narrator
from segtrail.randomness import derive_seed
from segtrail.record.hashing import hash_file
from segtrail.record.run_folder import RunFolder
from segtrail.training.checkpoint import CheckpointFolder
from segtrail.training.loop import StageRecord, Training, TrainingOutcome, on_cpu
from segtrail.training.patch_plan import PatchCentres


@dataclass(frozen=True)
class EarlierTraining:
    """What was trained before an interruption.

    Attributes:
        networks: Weights of the networks whose training had ended and that others need, by name.
        last: The content of ``last.pt``, which says how far the network in training was; None where there was none.
    """

    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    last: Mapping[str, Any] | None = None


class StageTrainer:
    """Trains the stages of a run.

    Args:
        folder: The run folder.
        stages: The stages in their order, one or two.
        data: The data set.
        compute: Device and precision.
        facts: What every checkpoint holds besides weights.
        narrator: Hears of progress.
        earlier: What was trained before an interruption.
        on_epoch: Hears of every epoch.
    """

    def __init__(
        self,
        folder: RunFolder,
        stages: Sequence[Stage],
        data: PreparedData,
        compute: Compute,
        facts: Mapping[str, Any],
        narrator: Narrator,
        earlier: EarlierTraining,
        on_epoch: OnEpoch = lambda _: None,
    ) -> None:
        self._folder, self._stages, self._data = folder, stages, data
        self._compute, self._facts, self._narrator = compute, dict(facts), narrator
        self._earlier, self._on_epoch = earlier, on_epoch
        self._checkpoints = CheckpointFolder(folder.path / "checkpoints")
        if earlier.last is not None:
            self._checkpoints.roll_back(earlier.last["best_sha256"])
        self._labels = data.description.labels
        self._finished: dict[str, dict[str, Any]] = {}

    def run(self) -> TrainingOutcome:
        """Train every stage.

        Returns:
            How the last one ended.

        Raises:
            Interrupted: Ctrl-C or SIGTERM came.
            TrainingFailed: The loss is not finite, or the memory ran out.
        """
        first, *later = self._stages
        validation = self._validation(
            first, lambda built: Predictor(self._pass(first, built), None, self._labels)
        )
        train = self._data.split.train
        if not later:
            return self._train(first, first.name, train, validation, is_last=True).outcome
        trained = self._train_finder(first, first.name, train, validation)
        self._finished[first.name] = on_cpu(trained.network.state_dict())
        return self._train_in_regions(first, self._pass(first, trained), later[0])

    def _train_in_regions(self, first: Stage, first_pass: NetworkPass, second: Stage) -> TrainingOutcome:
        expected = Expectation.of_mapping(self._facts["expectation"])
        regions = RegionPass(self._pass(second, second.built), expected)
        record = RegionRecord(first.name, second, regions)
        centres = self._cross_fit(first, first_pass, second, regions, record)
        expected = record.measured_on_training_cases(expected)
        self._facts["expectation"] = expected.as_mapping()
        regions = RegionPass(self._pass(second, second.built), expected)
        where = dict(self._find(first, first_pass, regions, self._data.split.val))
        for case, found in where.items():
            record.add(case, "val", first.name, found)
        record.write(self._folder.path)
        self._folder.journal.write(
            "regions found", finder=first.name, sha256=hash_file(self._folder.path / "regions.json")
        )
        for sentence in record.describe():
            self._narrator.say(sentence)

        def make_predictor(built: BuiltNetwork) -> Predictor:
            return Predictor(first_pass, RegionPass(self._pass(second, built), expected), self._labels)

        validation = self._validation(second, make_predictor, where)
        train = self._data.split.train
        return self._train(second, second.name, train, validation, is_last=True, centres=centres).outcome

    def _cross_fit(
        self,
        first: Stage,
        first_pass: NetworkPass,
        second: Stage,
        regions: RegionPass,
        record: RegionRecord,
    ) -> PatchCentres:
        """Find the regions of each training case with a network that did not train on it."""
        centres: dict[str, NDArray[np.float64]] = {}
        for name, network, cases in self._helpers(first, first_pass, second):
            for case, found in self._find(first, network, regions, cases):
                record.add(case, "train", name, found)
                centres[case] = regions.centres(found, second.shape_of(case))
        return PatchCentres(centres)

    def _helpers(
        self, first: Stage, first_pass: NetworkPass, second: Stage
    ) -> Iterator[tuple[str, NetworkPass, Sequence[str]]]:
        """Train networks of the first stage, each without a part of the cases; give each with its name and part."""
        train = self._data.split.train
        together = [tuple(case for case in group if case in train) for group in self._data.groups]
        groups = [group for group in together if group]
        n = min(second.config.region.crossfit_folds, len(groups))
        if n < 2:
            self._narrator.say(
                "All training cases belong together, so that none can be left out: their regions come from the "
                f"network of {first.name} itself, which knows them."
            )
            yield first.name, first_pass, train
            return
        parts = divide_groups(groups, derive_seed(first.config.train.seed, "crossfit"), n)
        for number, part in enumerate(parts, start=1):
            name = f"{first.name}_fold{number}"
            rest = [case for case in train if case not in part]
            helper = first.reseeded(derive_seed(first.config.train.seed, name))
            built = build_stage_network(helper.config, self._data.description, self._compute)
            trained = self._train_finder(replace(helper, built=built), name, rest, None)
            yield name, self._pass(helper, trained), sorted(part)

    def _find(
        self, first: Stage, network: NetworkPass, regions: RegionPass, cases: Sequence[str]
    ) -> Iterator[tuple[str, Search]]:
        """Find the regions of cases with one network, one case at a time."""
        with self._narrator.track("Finding regions", len(cases)) as tracker:
            for case in cases:
                scores, _ = network.everywhere(first.prepared[case].image())
                yield case, regions.search(scores, network.spacing_mm)
                tracker.advance(case)

    def _train_finder(
        self, stage: Stage, name: str, cases: Sequence[str], validation: Validation | None
    ) -> BuiltNetwork:
        """Train a network that finds regions and keep it, or take it from before an interruption."""
        known = self._earlier.networks.get(name)
        if known is not None:
            stage.built.network.load_state_dict(dict(known))
            return stage.built
        training = self._train(stage, name, cases, validation, is_last=False)
        state = on_cpu(training.trained.network.state_dict())
        self._checkpoints.save_finder(
            name,
            state,
            lambda hashes: self._folder.journal.write("network kept", network=name, sha256=hashes[name]),
        )
        return training.trained

    def _train(
        self,
        stage: Stage,
        name: str,
        cases: Sequence[str],
        validation: Validation | None,
        *,
        is_last: bool,
        centres: PatchCentres | None = None,
    ) -> Training:
        record = StageRecord(
            self._folder.path,
            self._checkpoints,
            self._folder.journal,
            name,
            self._facts,
            dict(self._finished),
            is_last,
            stage.prefix,
        )
        label = name if len(self._stages) > 1 else ""
        epochs = stage.config.train.max_epochs
        with TrainProgress(self._narrator, epochs, self._on_epoch, label) as observer:
            training = Training(
                config=stage.config,
                built=stage.built,
                compute=self._compute,
                cases=[stage.prepared[case] for case in cases],
                n_classes=len(self._labels),
                validate=validation,
                record=record,
                observer=observer,
                centres=centres,
            )
            self._folder.journal.write(
                "data used", purpose="train", network=name, cases=self._data.hashes(cases)
            )
            if validation is not None:
                val = self._data.hashes(self._data.split.val)
                self._folder.journal.write("data used", purpose="validate", network=name, cases=val)
            if self._earlier.last is not None and self._earlier.last["stage"] == name:
                training.resume(self._earlier.last)
            training.run()
        return training

    def _validation(
        self,
        stage: Stage,
        make_predictor: Callable[[BuiltNetwork], Predictor],
        where: Mapping[str, Search] | None = None,
    ) -> Validation:
        return Validation(make_predictor, self._data, stage.prepared, stage.spacing_mm, self._narrator, where)

    def _pass(self, stage: Stage, built: BuiltNetwork) -> NetworkPass:
        return NetworkPass(built, stage.config, self._compute, len(self._labels))
