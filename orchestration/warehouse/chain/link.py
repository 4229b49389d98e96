"""One comparison of two sets of rows, and how keys and contents are written as text."""

from collections.abc import Sequence
from dataclasses import dataclass

_SPACE = r"e' \t\n\r'"


@dataclass(frozen=True)
class Link:
    """Two relations that must agree.

    Attributes:
        name: What is compared, as the verdict names it.
        columns: Names of the compared columns.
        expected: SELECT of `place` (text) and `content` (list of texts) as they should be.
        found: SELECT of the same as they are.
    """

    name: str
    columns: tuple[str, ...]
    expected: str
    found: str

    def statement(self) -> str:
        """Places that differ: place, rows that are expected there, rows that are found.

        Contents are compared by their hashes, so that only keys are held in memory.
        """
        return f"""
            with expected as ({_grouped(self.expected)}), found as ({_grouped(self.found)})
            select
                coalesce(expected.place, found.place) as place,
                coalesce(expected.copies, 0),
                coalesce(found.copies, 0)
            from expected
            full join found using (place)
            where expected.copies is distinct from found.copies
                or expected.digest is distinct from found.digest
            order by place
        """

    def contents(self) -> str:
        """Contents at one place (twice a parameter): those expected, those found."""
        return (
            f"select (select list_sort(list(content)) from ({self.expected}) where place = ?), "
            f"(select list_sort(list(content)) from ({self.found}) where place = ?)"
        )


def _grouped(select: str) -> str:
    """One row a place, so that a row that is there twice is seen."""
    return (
        "select place, count(*) as copies, sum(hash(content)::hugeint) as digest "
        f"from ({select}) group by place"
    )


def key_text(expressions: Sequence[str]) -> str:
    """A key as one text; null if a part is null or empty, as such a key gives no row."""
    parts = [f"nullif(trim(({part})::varchar, {_SPACE}), '')" for part in expressions]
    return " || '/' || ".join(parts)


def content_of(expressions: Sequence[str]) -> str:
    """Columns as one list of texts."""
    return f"[{', '.join(f'({expression})::varchar' for expression in expressions)}]::varchar[]"
