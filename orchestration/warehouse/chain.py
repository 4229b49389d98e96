"""Which tables of the vault and the marts must hold what, beside each other.

Every link is one comparison of two sets of rows by key. It finds a row that stands on one side
only, and one whose compared columns differ, and names its key.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """Two relations that must agree.

    Attributes:
        name: What is compared, as the verdict names it.
        expected: SELECT of `place` (text) and `content` (text) as they should be.
        found: SELECT of the same as they are.
    """

    name: str
    expected: str
    found: str

    def statement(self) -> str:
        """Rows that differ: place, what is expected there, what is found."""
        return f"""
            with expected as ({self.expected}), found as ({self.found})
            select
                coalesce(expected.place, found.place) as place,
                coalesce(expected.content, 'no row'),
                coalesce(found.content, 'no row')
            from expected
            full join found using (place)
            where expected.content is distinct from found.content
                or expected.place is null or found.place is null
            order by place
        """


CHAIN: tuple[Link, ...] = ()
