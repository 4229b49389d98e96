"""The whole key of a ledger, and its file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.adworld.key.actions import action_answers, conversion_answers
from ingestion.adworld.key.attribution import Attribution, attribution_answers
from ingestion.adworld.key.auctions import Auctioned, auction_answers
from ingestion.adworld.key.audiences import audience_answers, conversion_answers_by_audience
from ingestion.adworld.key.balance import balance_answers, dimension_answers
from ingestion.adworld.key.delivery import Delivery, delivery_answers
from ingestion.adworld.key.discrepancy import discrepancy_answers
from ingestion.adworld.key.exact import Answer
from ingestion.adworld.key.exposure import exposure_answers
from ingestion.adworld.key.lift import lift_answers
from ingestion.adworld.key.money import Books, money_answers
from ingestion.adworld.key.organizations import organization_answers
from ingestion.adworld.key.pacing import pacing_answers
from ingestion.adworld.key.penetration import penetration_answers
from ingestion.adworld.key.performance import performance_answers
from ingestion.adworld.key.reach import reach_answers
from ingestion.adworld.key.reasons import reason_answers
from ingestion.adworld.key.sessions import session_answers
from ingestion.adworld.key.viewability import video_answers, viewability_answers
from ingestion.adworld.ledger import Ledger
from ingestion.errors import AdxError, ExitCode

SCHEMA = pa.schema([(name, pa.string()) for name in ("metric", "grain", "dims", "value")])


def answers(ledger: Ledger) -> list[Answer]:
    """Every true value that is not zero, in order."""
    delivery = Delivery(ledger)
    auctioned = Auctioned(ledger, delivery)
    attribution = Attribution(ledger, delivery)
    books = Books(delivery, auctioned, attribution, ledger.day)
    found = [
        *delivery_answers(delivery),
        *reason_answers(delivery),
        *performance_answers(delivery),
        *lift_answers(delivery),
        *audience_answers(ledger, delivery),
        *viewability_answers(ledger, delivery),
        *video_answers(ledger, delivery),
        *reach_answers(ledger, delivery),
        *auction_answers(auctioned, delivery),
        *money_answers(books),
        *discrepancy_answers(delivery, books, ledger.day),
        *pacing_answers(delivery, books),
        *exposure_answers(books),
        *penetration_answers(auctioned, delivery),
        *conversion_answers(ledger),
        *attribution_answers(attribution, delivery),
        *conversion_answers_by_audience(ledger, attribution),
        *action_answers(ledger),
        *session_answers(ledger),
        *balance_answers(ledger),
        *dimension_answers(ledger),
        *organization_answers(ledger),
    ]
    return sorted(one for one in found if one is not None)


def key_path(folder: Path, day: int) -> Path:
    """The key's file of a world after a day."""
    return folder / "key" / f"day-{day}.parquet"


def write_key(folder: Path, day: int, key: list[Answer]) -> None:
    """Write the key of a world after a day, whole or not at all."""
    path = key_path(folder, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table([[getattr(one, name) for one in key] for name in SCHEMA.names], schema=SCHEMA)
    temporary = path.with_name(path.name + ".tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def read_key(folder: Path, day: int) -> list[Answer]:
    """The key of a world after a day.

    Raises:
        AdxError: That day has not been played.
    """
    path = key_path(folder, day)
    if not path.exists():
        raise AdxError(
            f"The ad world in {folder} has no answer key for day {day}.",
            remedy=f"Play the days up to {day} first: `adx world play {day}`.",
            exit_code=ExitCode.USAGE,
        )
    return [Answer(**row) for row in pq.read_table(path).to_pylist()]
