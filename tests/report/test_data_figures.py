"""What the figure of the sides shows of a data set, and that it is drawn for any number of cases and classes."""

from segtrail.report.data_figures import MOST_VOLUMES, Dot, draw_properties, properties_of
from segtrail.report.dataset_schema import DatasetSummary


def summary(n_cases: int = 4, classes: tuple[str, ...] = ("ball",), **case: object) -> DatasetSummary:
    def entry(number: int) -> dict:
        volumes = {name: 1.0 + place + number for place, name in enumerate(classes)}
        image = {
            "spacing_mm": [1.0, 1.0, 2.0 + number],
            "intensity_percentiles": [{"5": 1.0, "50": 10.0 + number, "95": 90.0}],
        }
        side = "train" if number < n_cases // 2 else "val"
        return {
            "case": f"c{number}",
            "side": side,
            "image": image,
            "label": {"volumes_ml": volumes},
            **case,
        }

    return DatasetSummary.model_validate(
        {
            "name": "Balls",
            "modality": {"0": "MRI"},
            "cases": [entry(number) for number in range(n_cases)],
            "split": {"method": "named"},
        }
    )


def test_each_side_has_the_median_of_every_image_with_its_range():
    intensity = properties_of(summary())[0]
    assert intensity.title == "intensity, MRI (arbitrary units)"
    assert intensity.sides["train"] == [Dot(10.0, 1.0, 90.0), Dot(11.0, 1.0, 90.0)]
    assert intensity.sides["val"] == [Dot(12.0, 1.0, 90.0), Dot(13.0, 1.0, 90.0)]


def test_only_a_spacing_that_varies_is_shown():
    titles = [item.title for item in properties_of(summary())]
    assert titles == ["intensity, MRI (arbitrary units)", "spacing z (mm)", "ball (mL)"]


def test_of_many_classes_the_largest_are_shown():
    titles = [item.title for item in properties_of(summary(classes=tuple(f"organ {k}" for k in range(30))))]
    assert [title for title in titles if "organ" in title] == [
        f"organ {k} (mL)" for k in range(30 - MOST_VOLUMES, 30)
    ]


def test_a_long_name_is_cut_in_its_middle_and_keeps_its_unit():
    volume = properties_of(summary(classes=("kidney_right_parenchyma_segmentation",)))[-1]
    assert volume.title == "kidney_right…egmentation (mL)"


def test_intensities_of_a_ct_are_not_called_arbitrary():
    described = summary().model_copy(update={"modality": {"0": "CT"}})
    assert properties_of(described)[0].title == "intensity, CT"


def test_a_copy_whose_cases_have_no_facts_has_nothing_to_show():
    assert properties_of(summary(image=None, label=None)) == []


def test_values_that_span_orders_of_magnitude_are_wide_and_zeros_are_not():
    volumes = properties_of(summary(n_cases=60))[-1]
    assert volumes.is_wide
    assert not properties_of(summary(label={"volumes_ml": {"ball": 0.0}}))[-1].is_wide


def test_four_hundred_cases_of_thirty_classes_give_a_figure_of_bounded_size_twice_the_same():
    properties = properties_of(summary(n_cases=400, classes=tuple(f"organ {k} $x" for k in range(30))))
    drawn = draw_properties(properties)
    assert len(drawn) < 1_000_000
    assert draw_properties(properties) == drawn
