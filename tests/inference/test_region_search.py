"""A search in regions and its guard, with networks whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from networks_for_tests import ByIntensity, network_pass

from segtrail.inference.expectation import ClassExpectation, Expectation
from segtrail.inference.region_pass import RegionPass

SHAPE = (40, 40, 40)
ORGAN = (slice(14, 22), slice(14, 22), slice(14, 22))  # 8 x 8 x 8 mm
EXPECTED = Expectation({1: ClassExpectation("ball", 0.4, 0.6, always_there=True)}, confidence=0.9)
SPACING_MM = (1.0, 1.0, 1.0)


def image_of(*organs) -> np.ndarray:
    image = np.zeros((1, *SHAPE), dtype=np.float32)
    for organ in organs:
        image[(0, *organ)] = 1.0
    return image


def coarse(*organs, certainty: float = 0.95) -> np.ndarray:
    foreground = np.full(SHAPE, 0.01, dtype=np.float32)
    for organ in organs:
        foreground[organ] = certainty
    return np.stack([1 - foreground, foreground])


def regions(expected: Expectation = EXPECTED, window=(16, 16, 16), module=None, **options) -> RegionPass:
    return RegionPass(network_pass(module or ByIntensity(), window, **options), expected)


def labels_of(result) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    if result.scores is not None:
        found = result.scores.values.argmax(axis=0)
        box = [slice(o, o + n) for o, n in zip(result.scores.origin, found.shape, strict=True)]
        labels[tuple(box)] = found
    return labels


def done(result) -> list[tuple[str, str]]:
    return [(note.reason, note.action) for note in result.notes]


def test_an_organ_found_is_segmented_in_one_window_without_the_guard() -> None:
    closer = regions()
    where = closer.search(coarse(ORGAN), SPACING_MM)
    result = closer.segment(image_of(ORGAN), where)
    assert result.windows == [(10, 10, 10)]
    assert done(result) == []
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN)[0])


def test_a_case_without_the_organ_gives_nothing_and_the_second_network_is_not_asked() -> None:
    module = ByIntensity()
    closer = regions(module=module)
    result = closer.segment(image_of(ORGAN), closer.search(coarse(), SPACING_MM))
    assert result.scores is None
    assert done(result) == [("nothing_found", "left_empty")]
    assert module.sizes == []


def test_a_weak_sign_of_an_organ_is_followed_with_a_lower_threshold() -> None:
    closer = regions()
    where = closer.search(coarse(ORGAN, certainty=0.3), SPACING_MM)
    result = closer.segment(image_of(ORGAN), where)
    assert done(result) == [("nothing_found", "lowered_threshold")]
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN)[0])


def test_an_unsure_first_network_gets_a_wider_region() -> None:
    scores = coarse(ORGAN, certainty=0.6)
    scores[:, 22:34, 14:22, 14:22] = np.array([0.7, 0.3], dtype=np.float32)[:, None, None, None]
    closer = regions()
    result = closer.segment(image_of(ORGAN), closer.search(scores, SPACING_MM))
    assert done(result) == [("low_confidence", "widened")]
    assert len(result.windows) > 1


def test_an_organ_cut_by_the_region_is_followed_over_its_border() -> None:
    long_organ = (slice(14, 34), slice(14, 19), slice(14, 19))
    closer = regions()
    result = closer.segment(image_of(long_organ), closer.search(coarse(ORGAN), SPACING_MM))
    assert ("border", "widened") in done(result)
    np.testing.assert_array_equal(labels_of(result), image_of(long_organ)[0])


def test_an_organ_at_the_border_of_the_volume_is_no_reason_to_widen() -> None:
    organ = (slice(0, 8), slice(14, 22), slice(14, 22))
    closer = regions()
    result = closer.segment(image_of(organ), closer.search(coarse(organ), SPACING_MM))
    assert done(result) == []
    np.testing.assert_array_equal(labels_of(result), image_of(organ)[0])


def test_a_first_network_that_looks_elsewhere_leads_to_a_search_everywhere() -> None:
    elsewhere = (slice(30, 38), slice(30, 38), slice(30, 38))
    closer = regions(mode="whole_volume")
    result = closer.segment(image_of(ORGAN), closer.search(coarse(elsewhere), SPACING_MM))
    assert done(result) == [("class_missing", "searched_everywhere")]
    assert result.mode == "whole_volume"
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN)[0])


def test_a_result_that_stays_out_of_the_ordinary_is_kept_and_marked() -> None:
    closer = regions(mode="whole_volume")
    result = closer.segment(image_of(), closer.search(coarse(ORGAN), SPACING_MM))
    assert done(result) == [("class_missing", "kept")]
    assert labels_of(result).sum() == 0


def test_a_volume_out_of_the_ordinary_is_said_with_its_figures() -> None:
    expected = Expectation({1: ClassExpectation("ball", 10.0, 20.0, always_there=True)})
    closer = regions(expected, mode="whole_volume")
    result = closer.segment(image_of(ORGAN), closer.search(coarse(ORGAN), SPACING_MM))
    assert ("volume", "kept") in done(result)
    assert "0.512 mL of ball; in the training cases it has 10 mL to 20 mL" in result.notes[-1].evidence


def test_two_organs_far_apart_are_both_segmented() -> None:
    other = (slice(30, 38), slice(2, 10), slice(30, 38))
    expected = Expectation({1: ClassExpectation("ball", 0.8, 1.2, always_there=True)})
    closer = regions(expected)
    result = closer.segment(image_of(ORGAN, other), closer.search(coarse(ORGAN, other), SPACING_MM))
    assert len(result.windows) == 2
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN, other)[0])


def test_a_class_that_some_training_cases_lack_may_be_missing() -> None:
    expected = Expectation.of_volumes([{"a": 0.5, "b": 0.0}, {"a": 0.5, "b": 0.1}], {1: "a", 2: "b"})
    closer = regions(expected, module=ByIntensity(3), n_classes=3)
    scores = np.concatenate([coarse(ORGAN), np.zeros((1, *SHAPE), dtype=np.float32)])
    assert done(closer.segment(image_of(ORGAN), closer.search(scores, SPACING_MM))) == []


def test_the_grids_of_the_two_networks_may_differ() -> None:
    closer = regions()
    half = coarse(ORGAN)[:, ::2, ::2, ::2]
    result = closer.segment(image_of(ORGAN), closer.search(half, (2.0, 2.0, 2.0)))
    assert len(result.windows) == 1
    assert np.abs(np.subtract(result.windows[0], 10)).max() <= 1
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN)[0])


def test_an_expectation_survives_a_checkpoint() -> None:
    expected = replace(
        Expectation.of_volumes([{"a": 2.0, "b": 0.0}, {"a": 1.0, "b": 0.5}], {1: "a", 2: "b"}),
        confidence=0.9,
        agreement=0.8,
        reaches_edge=False,
    )
    assert Expectation.of_mapping(expected.as_mapping()) == expected
    assert expected.classes[2] == ClassExpectation("b", 0.5, 0.5, always_there=False)
    with pytest.raises(TypeError):
        Expectation.of_mapping({**expected.as_mapping(), "classes": {"1": {"smallest_ml": 1.0}}})


def test_networks_that_disagree_are_told_of() -> None:
    expected = Expectation({1: ClassExpectation("ball", 0.4, 0.6, always_there=True)}, agreement=0.8)
    beside = (slice(17, 25), slice(17, 25), slice(14, 22))
    closer = regions(expected, mode="whole_volume")
    result = closer.segment(image_of(ORGAN), closer.search(coarse(beside), SPACING_MM))
    assert done(result) == [("disagreement", "kept")]
    assert "The Dice between what the two networks found is 0.39" in result.notes[0].evidence


def test_networks_that_agree_as_on_training_cases_are_not() -> None:
    expected = Expectation({1: ClassExpectation("ball", 0.4, 0.6, always_there=True)}, agreement=0.8)
    nearly = (slice(15, 23), *ORGAN[1:])
    closer = regions(expected)
    assert done(closer.segment(image_of(ORGAN), closer.search(coarse(nearly), SPACING_MM))) == []


@pytest.mark.parametrize(
    ("unseen_confidence", "expected"), [(0.99, [("low_confidence", "kept")]), (0.85, [])]
)
def test_a_second_network_less_sure_than_on_validation_cases_is_told_of(unseen_confidence, expected) -> None:
    known = Expectation(
        {1: ClassExpectation("ball", 0.4, 0.6, always_there=True)}, unseen_confidence=unseen_confidence
    )
    closer = regions(known, module=ByIntensity(sharpness=1.5), mode="whole_volume")
    result = closer.segment(image_of(ORGAN), closer.search(coarse(ORGAN), SPACING_MM))
    assert result.confidence == pytest.approx(1 / (1 + np.exp(-1.5)), rel=1e-4)
    assert done(result) == expected


def test_an_organ_at_the_edge_of_the_image_is_told_of_where_no_training_case_has_that() -> None:
    organ = (slice(14, 22), slice(14, 22), slice(32, 40))
    known = Expectation({1: ClassExpectation("ball", 0.4, 0.6, always_there=True)}, reaches_edge=False)
    closer = regions(known)
    result = closer.segment(image_of(organ), closer.search(coarse(organ), SPACING_MM))
    assert done(result) == [("image_edge", "marked")]
    assert "reaches the edge of the image (superior)" in result.notes[0].evidence


def test_where_a_search_asks_for_more_windows_than_the_volume_holds_all_of_it_is_gone_over() -> None:
    module = ByIntensity()
    closer = regions(module=module, mode="whole_volume")
    result = closer.segment(image_of(ORGAN), closer.search(coarse((slice(1, 39),) * 3), SPACING_MM))
    assert result.mode == "whole_volume"
    assert module.sizes == [SHAPE]
    np.testing.assert_array_equal(labels_of(result), image_of(ORGAN)[0])
