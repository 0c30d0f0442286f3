"""The version stands in one place of the code; the documents for people repeat it."""

import re
from pathlib import Path

import yaml

from segtrail.version import __version__

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__


def test_the_newest_release_of_the_changelog_is_this_version_and_has_the_date_of_the_citation() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.findall(r"^## \[(\d[^\]]*)\] - (\S+)$", changelog, flags=re.MULTILINE)[0]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (version, date) == (__version__, str(citation["date-released"]))
