"""Lands Crunchbase: all that has changed (`land`), or single organisations (`land_specific`).

    lock and drain the pipelines, read their positions
      -> read a collection to its end: search pages, or a lookup and its cards
      -> judge the records, drop what the lake has
      -> one fenced commit per table that has something new

A collection of which one page cannot be right is not landed at all; the others are. What was landed
and has not changed is not landed again, and neither is a record that failed before. Crunchbase
forgets what it deletes, so that deletions are landed as what the API gives: a list of their own.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from ingestion.contracts import Contract, load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.sources.crunchbase.api import Api
from ingestion.sources.crunchbase.client import Client, UnknownEntityError
from ingestion.sources.crunchbase.pace import Pace
from ingestion.sources.crunchbase.shape import (
    card_record_of,
    field_ids,
    flat_record_of,
    record_of,
)
from ingestion.sources.crunchbase.table import TableLanding
from ingestion.sources.pipeline import StalePackageError, open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.report import LandingReport
from ingestion.sources.run import Landing

SOURCE: Final = "crunchbase"
PUBLIC_URL: Final = "https://api.crunchbase.com/api/v4"
COLLECTIONS: Final = ("organizations", "funding_rounds", "acquisitions", "people")
DELETED: Final = "deleted_entities"
CARDS: Final = {
    "raised_funding_rounds": "funding_rounds",
    "acquirer_acquisitions": "acquisitions",
    "acquiree_acquisitions": "acquisitions",
    "founders": "people",
}
"""Cards of an organisation that a lookup asks for, and the table of their records."""


def is_configured(settings: Settings) -> bool:
    """Whether there is an API to land from: a key, an address, or an ad world that serves one."""
    if settings.crunchbase_key is not None or settings.crunchbase_url is not None:
        return True
    # imported here: a real deployment never loads the ad world
    from ingestion.adworld.config import FILE_NAME  # noqa: PLC0415

    return (settings.world / FILE_NAME).exists()


def land(settings: Settings) -> LandingReport:
    """Land what has changed in every collection, and what was deleted.

    Returns:
        The report; a collection that could not be right is one of its problems, the others are
        landed.

    Raises:
        AdxError: The API or the lake cannot be used.
    """
    with _started(settings) as (landing, api, tables):
        for name in COLLECTIONS:
            with _problems(landing), landing.timed(tables[name].contract):
                _land_collection(api, tables[name])
        with _problems(landing), landing.timed(tables[DELETED].contract):
            contract = tables[DELETED].contract
            records = [flat_record_of(contract, found) for found in api.deleted(COLLECTIONS)]
            tables[DELETED].commit(records, DELETED, is_complete=True)
        return landing.finish()


def land_specific(
    settings: Settings, *, ids: Sequence[str] = (), names: Sequence[str] = ()
) -> LandingReport:
    """Land single organisations with their funding rounds, acquisitions and founders.

    Args:
        settings: Where everything is.
        ids: Permalinks or uuids.
        names: Names to look up; each must lead to one organisation.

    Returns:
        The report; an organisation that was not found is one of its problems, the others are
        landed.

    Raises:
        AdxError: The API or the lake cannot be used.
    """
    with _started(settings) as (landing, api, tables):
        found: dict[str, list[bytes]] = {name: [] for name in COLLECTIONS}
        origins: list[str] = []
        for entity_id in _resolved(landing, api, ids, names):
            with _problems(landing):
                for name, records in _looked_up(api, entity_id, tables).items():
                    found[name] += records
                origins.append(entity_id)
        origin = f"entities/organizations/{','.join(origins)}"
        for name, records in found.items():
            if records:
                with landing.timed(tables[name].contract):
                    tables[name].commit(records, origin, is_complete=False)
        return landing.finish()


@contextmanager
def _started(settings: Settings) -> Iterator[tuple[Landing, Api, dict[str, TableLanding]]]:
    """The landing, its API, and its tables by name, with their pipelines locked and drained."""
    with ExitStack() as stack:
        url, key = stack.enter_context(_access(settings))
        client = Client(url, key, Pace(settings.crunchbase_calls_per_minute))
        landing = Landing.start(settings, SOURCE)
        connection = stack.enter_context(connect(settings))
        tables: dict[str, TableLanding] = {}
        for name in (*COLLECTIONS, DELETED):
            contract = load_contract(SOURCE, name)
            pipeline = stack.enter_context(open_pipeline(settings, landing.lake, contract))
            landing.recovered(contract, pipeline.drain())
            tables[name] = TableLanding(landing, pipeline, connection)
        advance = stack.enter_context(progress(SOURCE, None, "calls"))
        try:
            yield landing, Api(client, advance), tables
        except StalePackageError as error:
            raise AdxError(
                f"Other landings of {error} kept coming first.",
                remedy="Land this source from one place only, then run it again.",
                exit_code=ExitCode.BUSY,
            ) from error


@contextmanager
def _access(settings: Settings) -> Iterator[tuple[str, str]]:
    """Address and key of the API; the ad world's own server, started for the block, with neither.

    Raises:
        AdxError: An address is set without a key, or there is nothing to land from.
    """
    if settings.crunchbase_key is not None:
        yield settings.crunchbase_url or PUBLIC_URL, settings.crunchbase_key.get_secret_value()
        return
    if settings.crunchbase_url is not None or not is_configured(settings):
        raise AdxError(
            "ADX_CRUNCHBASE_KEY is not set.",
            remedy="Set it in the environment to the user key of your Crunchbase licence.",
            exit_code=ExitCode.CONFIGURATION,
        )
    from ingestion.adworld.crunchbase_server import serve_crunchbase  # noqa: PLC0415 - likewise

    with serve_crunchbase(settings.world) as access:
        yield access


@contextmanager
def _problems(landing: Landing) -> Iterator[None]:
    """Note what is wrong with a part of the source, and go on with the rest.

    Raises:
        AdxError: Something is wrong with more than that part.
    """
    try:
        yield
    except AdxError as error:
        if error.exit_code not in {ExitCode.DATA, ExitCode.USAGE}:
            raise
        landing.report.problems.append(error)


def _land_collection(api: Api, table: TableLanding) -> None:
    contract, since = table.contract, table.updated_since
    entities = api.search(contract.table, field_ids(contract), since)
    origin = f"searches/{contract.table}" + (f"?updated_at>={since}" if since else "")
    records = [record_of(contract, entity) for entity in entities]
    table.commit(records, origin, is_complete=True)


def _resolved(
    landing: Landing, api: Api, ids: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    """What to look up: identifiers as they are, and those that the names mean."""
    yield from ids
    for name in names:
        with _problems(landing):
            yield _meant(api, name)


def _meant(api: Api, name: str) -> str:
    """The uuid of the one organisation that a name means: its name or permalink to the letter.

    Raises:
        AdxError: None does, or several do.
    """
    found = api.autocomplete(name.strip())
    wanted = name.strip().casefold()
    exact = [
        identifier
        for identifier in found
        if wanted in {_folded(identifier.get("value")), _folded(identifier.get("permalink"))}
    ]
    if len(exact) == 1:
        return str(exact[0]["uuid"])
    candidates = ", ".join(str(identifier.get("permalink")) for identifier in (exact or found)[:5])
    raise AdxError(
        f"Crunchbase knows {'several organisations' if exact else 'no organisation'} named "
        f"{name!r}{f'; there are {candidates}' if candidates else ''}.",
        remedy="Name one by its permalink: --id <permalink>.",
        exit_code=ExitCode.USAGE,
    )


def _folded(value: Any) -> str | None:
    return value.strip().casefold() if isinstance(value, str) else None


def _looked_up(api: Api, entity_id: str, tables: dict[str, TableLanding]) -> dict[str, list[bytes]]:
    """Records of an organisation and its cards, by table.

    Raises:
        AdxError: There is no such organisation, or its answer cannot be right.
    """
    contracts: dict[str, Contract] = {name: table.contract for name, table in tables.items()}
    organization = contracts["organizations"]
    fields = {card: field_ids(contracts[name]) for card, name in CARDS.items()}
    try:
        looked = api.organization(entity_id, field_ids(organization), fields)
    except UnknownEntityError as error:
        raise AdxError(
            f"Crunchbase knows no organisation {entity_id!r}.",
            remedy="Check the permalink or uuid, or look its name up: --name <name>. It may also "
            "have been deleted.",
            exit_code=ExitCode.USAGE,
        ) from error
    found: dict[str, list[bytes]] = {name: [] for name in COLLECTIONS}
    found["organizations"].append(card_record_of(organization, looked.properties))
    for card, name in CARDS.items():
        found[name] += [card_record_of(contracts[name], record) for record in looked.cards[card]]
    return found
