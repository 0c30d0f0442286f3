"""What the report says of the checks of the data."""

from segtrail.report.dataset_schema import CheckOutcome
from segtrail.report.parts import Paragraph, Table
from segtrail.report.sections.data_description import describe_checks


def check(title: str, **changes: object) -> CheckOutcome:
    content = {"id": title.lower(), "title": title, "severity": "warning", "status": "passed", **changes}
    return CheckOutcome.model_validate(content)


def test_checks_that_passed_are_named_in_one_paragraph_without_a_table():
    [paragraph] = describe_checks([check("Files are there"), check("No label is empty")])
    assert paragraph == Paragraph("2 of 2 checks before training passed: Files are there; No label is empty.")


def test_the_table_holds_the_checks_that_found_something_alone():
    found = {"status": "failed", "allowed": True, "remedy": "Look at it."}
    paragraph, table = describe_checks([check("Files are there"), check("No label is empty", **found)])
    assert paragraph == Paragraph("1 of 2 checks before training passed: Files are there.")
    assert isinstance(table, Table)
    assert [row.cells for row in table.rows] == [["No label is empty", "warning, allowed", "Look at it."]]
