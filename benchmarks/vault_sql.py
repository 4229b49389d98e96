"""The vault of the benchmark: its raw rows, and the same loads as SQL written by hand."""

from pathlib import Path
from typing import Final, Literal

import duckdb

from ingestion.settings import PROJECT_ROOT

Carrier = Literal["uuid", "text"]
"""How DuckDB carries an MD5: as the 128 bits it is, or as its 32 hex digits."""

LOAD_ORDER: Final = "load_pin, source_rank, ingest_seq, position_major, position_minor"
LOADED: Final = "load_datetime, record_source"
TABLES: Final = {
    "hub_user": "user_hk, user_bk",
    "link_user_campaign": "user_campaign_hk, user_hk, campaign_hk",
    "sat_user": "user_hk, hashdiff, device, country",
    "nhl_event": "event_hk, user_hk, campaign_hk, event_date, event_id, price_micros",
}
"""The tables of the vault, and the columns that both sides must agree on."""


def raw_rows(load: int, count: int) -> str:
    """The rows of one load (from 0): a day of events, mostly of people who are known already.

    One in ten events comes a second time; one person in fifty has changed since the load before.
    """
    users = f"(n * 7919) % (100000 + 5000 * {load})"
    return f"""
        select
            'e' || (n - case when n % 10 = 9 then 1 else 0 end)::varchar as event_id,
            'u' || ({users})::varchar as user_id,
            'c' || (({users}) % 20)::varchar as campaign_id,
            'd' || ((({users}) + case when ({users}) % 50 = {load} % 50 then {load} else 0 end) % 7)
                ::varchar as device,
            'k' || (({users}) % 30)::varchar as country,
            (n % 5000)::bigint as price_micros,
            date '2026-01-01' + {load} as event_date,
            {load + 1} as load_pin,
            1 as source_rank,
            {load + 1}::bigint as ingest_seq,
            'p0' as position_major,
            n::bigint as position_minor,
            timestamp '2026-01-01' + interval ({load}) day as load_datetime
        from range({load * count}, {(load + 1) * count}) as numbers(n)
    """


def _md5(text: str, carrier: Carrier) -> str:
    return f"md5({text})::uuid" if carrier == "uuid" else f"md5({text})"


def create(connection: duckdb.DuckDBPyConnection, carrier: Carrier) -> None:
    """Make the empty tables of the vault by hand."""
    key = "uuid" if carrier == "uuid" else "varchar"
    order = (
        "load_datetime timestamp, record_source varchar, load_pin integer, source_rank integer,"
        " ingest_seq bigint, position_major varchar, position_minor bigint"
    )
    for table, columns in TABLES.items():
        typed = ", ".join(f"{name} {_type(name, key)}" for name in columns.split(", "))
        connection.execute(f"create table {table} ({typed}, {order})")


def _type(column: str, key: str) -> str:
    if column.endswith("_hk") or column == "hashdiff":
        return key
    return {"event_date": "date", "price_micros": "bigint"}.get(column, "varchar")


def stage(connection: duckdb.DuckDBPyConnection, carrier: Carrier) -> None:
    """Hash the rows of `raw_events` once."""
    connection.execute(
        f"""
        create or replace table stg as
        select
            *,
            'bench' as record_source,
            {_md5("event_id", carrier)} as event_hk,
            {_md5("user_id", carrier)} as user_hk,
            {_md5("campaign_id", carrier)} as campaign_hk,
            {_md5("user_id || '|' || campaign_id", carrier)} as user_campaign_hk,
            {_md5("device || '|' || country", carrier)} as hashdiff
        from raw_events
        """
    )


def load(connection: duckdb.DuckDBPyConnection, day: str) -> None:
    """Load hub, link, satellite and events as one would write it by hand.

    What was loaded already adds nothing here either: a key, or a version of the same load time.
    """
    order = f"order by {LOAD_ORDER}"
    connection.execute(
        f"""
        insert into hub_user
        select user_hk, user_id, {LOADED}, {LOAD_ORDER} from stg
        where not exists (select 1 from hub_user as old where old.user_hk = stg.user_hk)
        qualify row_number() over (partition by user_hk {order}) = 1
        """
    )
    connection.execute(
        f"""
        insert into link_user_campaign
        select user_campaign_hk, user_hk, campaign_hk, {LOADED}, {LOAD_ORDER} from stg
        where not exists (
            select 1 from link_user_campaign as old
            where old.user_campaign_hk = stg.user_campaign_hk
        )
        qualify row_number() over (partition by user_campaign_hk {order}) = 1
        """
    )
    connection.execute(
        f"""
        insert into sat_user
        with newest as (
            select user_hk, hashdiff from sat_user
            where user_hk in (select user_hk from stg)
            qualify row_number() over (
                partition by user_hk order by {LOAD_ORDER.replace(",", " desc,")} desc
            ) = 1
        ),

        changes as (
            select stg.* from stg
            where not exists (
                select 1 from sat_user as old
                where old.user_hk = stg.user_hk
                    and old.hashdiff = stg.hashdiff
                    and old.load_datetime = stg.load_datetime
            )
            qualify lag(hashdiff) over (partition by user_hk {order}) is distinct from hashdiff
        ),

        versions as (
            select
                changes.*,
                row_number() over (partition by changes.user_hk {order}) as number,
                newest.hashdiff as newest_hashdiff
            from changes
            left join newest on newest.user_hk = changes.user_hk
        )

        select user_hk, hashdiff, device, country, {LOADED}, {LOAD_ORDER}
        from versions
        where number > 1 or hashdiff is distinct from newest_hashdiff
        """
    )
    connection.execute(
        f"""
        insert into nhl_event
        select
            event_hk, user_hk, campaign_hk, event_date, event_id, price_micros,
            {LOADED}, {LOAD_ORDER}
        from stg
        where not exists (
            select 1 from nhl_event as old
            where old.event_hk = stg.event_hk
                and old.event_date between date '{day}' - 1 and date '{day}' + 1
        )
        qualify row_number() over (partition by event_hk {order}) = 1
        """
    )


def write_project(folder: Path) -> None:
    """A dbt project of its own with the vault macros, and the materializations that ours run in."""
    macros = ("data_vault", "cross_db", "overrides")
    folders = "\n".join(f'  - "{PROJECT_ROOT}/macros/{name}"' for name in macros)
    files = {
        "dbt_project.yml": f"""\
name: vault_bench
version: "1.0.0"
profile: vault_bench
macro-paths:
{folders}
models:
  vault_bench:
    +materialized: incremental
    +incremental_strategy: append
""",
        "profiles.yml": """\
vault_bench:
  target: local
  outputs:
    local:
      type: duckdb
      path: "{{ env_var('BENCH_DUCKDB_PATH') }}"
      threads: 1
      settings: {threads: 2, TimeZone: UTC}
""",
        "models/sources.yml": """\
version: 2
sources:
  - name: main
    schema: main
    tables:
      - name: raw_events
""",
        "models/stg.sql": """\
{{ config(materialized='table') }}
with events as (
    select * from {{ source('main', 'raw_events') }}
),

staged as (
{{ stage(
    source='events',
    record_source="'bench'",
    hash_keys={
        'event_hk': ['event_id'],
        'user_hk': ['user_id'],
        'campaign_hk': ['campaign_id'],
        'user_campaign_hk': ['user_id', 'campaign_id'],
    },
    hashdiffs={'hashdiff': ['device', 'country']},
) }}
)

select * from staged
""",
        "models/hub_user.sql": """\
{{ hub(sources=ref('stg'), hash_key='user_hk', business_keys={'user_bk': 'user_id'}) }}
""",
        "models/link_user_campaign.sql": """\
{{ link(
    sources=ref('stg'), hash_key='user_campaign_hk', hub_keys=['user_hk', 'campaign_hk']
) }}
""",
        "models/sat_user.sql": """\
{{ satellite(
    sources=ref('stg'), parent_key='user_hk', hashdiff='hashdiff', payload=['device', 'country']
) }}
""",
        "models/nhl_event.sql": """\
{{ event_link(
    sources=ref('stg'), hash_key='event_hk', hub_keys=['user_hk', 'campaign_hk'],
    event_date='event_date', payload=['event_id', 'price_micros'],
    stored_dates="stored.event_date between date '" ~ env_var('BENCH_DAY')
        ~ "' - 1 and date '" ~ env_var('BENCH_DAY') ~ "' + 1",
) }}
""",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
