"""The promises of the README are those that tests show."""

import re

import pytest

from ingestion.settings import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text("utf-8")
PROMISES = (PROJECT_ROOT / "docs" / "promises.md").read_text("utf-8")
SHOWN = re.findall(r"^\| ([A-Z][^|]+) \| .*`(?:tests/.*)$", PROMISES, re.MULTILINE)
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", PROMISES)))


def test_every_promise_of_the_readme_is_shown_by_tests() -> None:
    assert re.findall(r"^\| \*\*(.+?)\*\* \|", README, re.MULTILINE) == SHOWN
    assert len(SHOWN) >= 12


@pytest.mark.parametrize("named", TESTS)
def test_a_test_that_a_promise_names_exists(named: str) -> None:
    path, _, function = named.partition("::")
    text = (PROJECT_ROOT / path).read_text("utf-8")
    assert not function or f"def {function}(" in text
