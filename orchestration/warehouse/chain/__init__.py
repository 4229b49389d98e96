"""What the vault must hold of the lake, and the marts of the vault: full keys, compared columns.

Every link of the chain is one comparison of two sets of rows by key. It finds a row that stands on
one side only, one that is there twice and one whose columns differ, and names key and column. The
rules (a key is trimmed, an empty one gives no row, the first delivery in load order wins, the
stream wins over files) are said here once more, independently of the models: a mistake in one is
not repeated by the other.
"""

from orchestration.warehouse.chain.auctions import auctions
from orchestration.warehouse.chain.balances import balances
from orchestration.warehouse.chain.events import event_links
from orchestration.warehouse.chain.facts import facts, sums
from orchestration.warehouse.chain.keys import hubs
from orchestration.warehouse.chain.link import Link
from orchestration.warehouse.chain.organizations import organizations
from orchestration.warehouse.chain.versions import satellites

__all__ = ["CHAIN", "Link"]

CHAIN: tuple[Link, ...] = (
    *event_links(),
    *hubs(),
    *satellites(),
    *organizations(),
    *facts(),
    *auctions(),
    *sums(),
    *balances(),
)
"""Every link, from the lake to the coarsest mart."""
