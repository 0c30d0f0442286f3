"""The validation inside training: Dice of full volumes, on the grids of their files."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from segtrail.evaluation.evaluate import mean_dice
from segtrail.experiment.preparation import PreparedData
from segtrail.images.nifti import read_volume
from segtrail.inference.predictor import Predictor
from segtrail.inference.region_pass import Search
from segtrail.networks.build import BuiltNetwork
from segtrail.preprocessing.cache import PreparedCase
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.progress import Narrator
from segtrail.stop_request import StopRequest
from segtrail.training.loop import Validated


class Validation:
    """Segments the validation cases and averages their Dice.

    Args:
        make_predictor: Makes a predictor of the network in training.
        data: The data set.
        prepared: The cases by name, preprocessed for this network.
        spacing_mm: Spacing of its working grid.
        narrator: Shows progress.
        where: What the stage before found in each case; None where the network looks everywhere.
    """

    def __init__(
        self,
        make_predictor: Callable[[BuiltNetwork], Predictor],
        data: PreparedData,
        prepared: Mapping[str, PreparedCase],
        spacing_mm: tuple[float, float, float],
        narrator: Narrator,
        where: Mapping[str, Search] | None = None,
    ) -> None:
        self._make_predictor, self._data, self._prepared = make_predictor, data, prepared
        self._spacing_mm, self._narrator, self._where = spacing_mm, narrator, where

    def __call__(self, built: BuiltNetwork, stop: StopRequest) -> Validated | None:
        """Segment and score every case; None when a stop came before the last."""
        cases: Sequence[str] = self._data.split.val
        predictor = self._make_predictor(built)
        with self._narrator.track("Validating", len(cases)) as tracker:
            scores, confidences = [], []
            for case in cases:
                if stop:
                    return None
                dice, confidence = self._score(case, predictor)
                scores.append(dice)
                confidences.append(confidence)
                tracker.advance(case)
        known = [confidence for confidence in confidences if confidence is not None]
        return Validated(float(np.nanmean(scores)), min(known, default=None))

    def _score(self, case: str, predictor: Predictor) -> tuple[float, float | None]:
        """Return the mean Dice over classes of a case, and how sure the network is of it."""
        facts = self._data.scans[case].image
        assert facts is not None
        grid = WorkingGrid.of(np.asarray(facts.affine), facts.shape, self._spacing_mm)
        prediction, confidence = self._segment(case, grid, predictor)
        description = self._data.description
        reference = read_volume(description.root / description.case(case).label).data[0].astype(np.uint8)
        return mean_dice(prediction, reference, description.class_names), confidence

    def _segment(
        self, case: str, grid: WorkingGrid, predictor: Predictor
    ) -> tuple[NDArray[np.uint8], float | None]:
        image = self._prepared[case].image()
        if self._where is None:
            return predictor.segment_prepared(image, grid), None
        segmentation = predictor.segment_where(image, grid, self._where[case])
        return segmentation.labels, segmentation.confidence
