"""Files of a kind that no contract declares: their schema inferred, and a draft contract."""

from ingestion.drafts.catalog import Crawled, crawl, drafts, find_draft
from ingestion.drafts.contract import Adoption, adopt, draft_contract
from ingestion.drafts.draft import Draft, DraftColumn
from ingestion.drafts.tables import draft_tables

__all__ = [
    "Adoption",
    "Crawled",
    "Draft",
    "DraftColumn",
    "adopt",
    "crawl",
    "draft_contract",
    "draft_tables",
    "drafts",
    "find_draft",
]
