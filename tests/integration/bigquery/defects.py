"""Defects as a person might make them, each planted alone into what a model really sends.

A defect is a change of the compiled statement of one model: what stands in the text then is what
would stand there if the model, or a macro that it uses, had the mistake.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """One mistake.

    Attributes:
        name: What is wrong.
        model: Where it is planted.
        old: A regular expression for the text that is right.
        new: What stands there instead.
        says: A part of what the check says about it.
        kind: Which of the model's statements.
    """

    name: str
    model: str
    old: str
    new: str
    says: str
    kind: str = "CREATE_TABLE_AS_SELECT"


_LOAD_ORDER = "load_pin, source_rank, ingest_seq, position_major, position_minor"

DEFECTS = (
    Defect(
        "a function of DuckDB only",
        "fct_clicks",
        r"extract\(hour from clicks\.event_at\)",
        "epoch_us(clicks.event_at)",
        "Function not found: epoch_us",
    ),
    Defect(
        "a cast as DuckDB writes it",
        "fct_clicks",
        r"cast\(extract\(hour from clicks\.event_at\) as bigint\)",
        "extract(hour from clicks.event_at)::bigint",
        "Syntax error",
    ),
    Defect(
        "an integer division as DuckDB writes it",
        "fct_clicks",
        r"extract\(hour from clicks\.event_at\)",
        "extract(minute from clicks.event_at) // 60",
        "Syntax error",
    ),
    Defect(
        "a misspelt column",
        "bv_clicks",
        r"from_stream\.landing_url",
        "from_stream.landing_ur",
        "landing_ur not found inside from_stream",
    ),
    Defect(
        "a misspelt nested column",
        "stg_ad_events__clicks",
        r"landed\.click\.user_agent",
        "landed.click.user_agnt",
        "Field name user_agnt does not exist",
    ),
    Defect(
        "a time compared with a date",
        "bv_auction_imps",
        r"auction_imps\.event_at = auctions\.event_at",
        "auction_imps.event_at = auctions.event_date",
        "No matching signature for operator =",
    ),
    Defect(
        "a date compared with the text of a time",
        "bv_clicks",
        r"date '2026-03-25'",
        "'2026-03-25T00:00:00'",
        "Could not cast literal",
    ),
    Defect(
        "an unsafe cast",
        "stg_ad_events__clicks",
        r"landed\.click\.landing_url,",
        "cast(landed.click.landing_url as int64) as landing_url,",
        "a cast of text to INT64 fails on other text",
    ),
    Defect(
        "a window without a total order",
        "nhl_click__ad_events",
        rf"order by {_LOAD_ORDER}",
        "order by load_datetime",
        "row_number over an order that is not total: load_datetime",
    ),
    Defect(
        "a window without any order",
        "nhl_click__ad_events",
        rf"order by {_LOAD_ORDER}",
        "",
        "row_number over an order that is not total: nothing",
    ),
    Defect(
        "a satellite ordered by event time",
        "sat_line_item__campaigns",
        r"order by incoming\.load_pin[^)]*",
        "order by incoming.effective_from",
        "versions follow load order",
    ),
    Defect(
        "a float in a hash",
        "stg_ad_events__clicks",
        r"trim\(click_id,",
        "trim(cast(cast(ingest_seq as float64) as string),",
        "the text of a float differs by engine",
    ),
    Defect(
        "a float that leaves its row",
        "stg_ad_events__clicks",
        r"landed\.click\.landing_url,",
        "landed.ingest_seq * 1.5e0 as landing_url,",
        "landing_url is a float",
    ),
    Defect(
        "a float that becomes an integer as the engine likes",
        "stg_ad_events__clicks",
        r"landed\.click\.landing_url,",
        "cast(landed.ingest_seq * 1.5e0 as int64) as landing_url,",
        "a cast of a float to INT64 rounds differently by engine",
    ),
    Defect(
        "a sum of floats",
        "bv_deliveries",
        r"case when delivery_class = 'distinct' then 1 else 0 end",
        "case when delivery_class = 'distinct' then 1.5e0 else 0 end",
        "a sum of floats depends on the order of rows",
    ),
    Defect(
        "a hash of something that is not text",
        "stg_ad_events__clicks",
        r"md5\(replace\(replace\(nullif\(trim\(click_id, ' \\t\\n\\r'\), ''\), [^)]*\), [^)]*\)\)",
        "md5(cast(click_id as bytes))",
        "md5 of BYTES",
    ),
    Defect(
        "upper on text that may hold 'ß'",
        "stg_ad_events__clicks",
        r"trim\(click_id,",
        "trim(upper(click_id),",
        "upper makes 'SS' of 'ß'",
    ),
    Defect(
        "a difference in hours counted by their boundaries",
        "bv_clicks",
        r"clicks_with_impressions\.previous_click_at, microsecond\) <= 2000000",
        "clicks_with_impressions.previous_click_at, hour) <= 1",
        "by a unit that DuckDB counts by its boundaries",
    ),
    Defect(
        "an average of numerics without a cast",
        "rpt_auction_prices_daily",
        r"sum\(",
        "avg(",
        "avg of numerics has other digits on each engine",
    ),
    Defect(
        "a division that a zero stops",
        "rpt_campaign_performance_daily",
        r"nullif\((.*), 0\)",
        r"(\1)",
        "a division that fails on 0",
    ),
    Defect(
        "the time of the build in a row",
        "stg_ad_events__clicks",
        r"cast\(raw_rows\._loaded_at as timestamp\)",
        "current_timestamp()",
        "the time of a build must not be in its rows",
    ),
    Defect(
        "a missing partition predicate",
        "fct_clicks",
        r"where \(event_date between [^)]*\)",
        "where true",
        "reads business_vault.bv_clicks without a literal predicate on event_date",
    ),
    Defect(
        "a partition predicate that a query gives",
        "fct_clicks",
        r"where \(event_date between [^)]*\)",
        "where event_date >= (select min(day) from (select date '2026-03-27' as day))",
        "reads business_vault.bv_clicks without a literal predicate on event_date",
    ),
    Defect(
        "a partition predicate on a function of the column",
        "fct_clicks",
        r"where \(event_date between [^)]*\)",
        "where extract(year from event_date) = 2026",
        "reads business_vault.bv_clicks without a literal predicate on event_date",
    ),
    Defect(
        "a partition predicate that an `or` opens",
        "fct_clicks",
        r"where \((event_date between [^)]*)\)",
        r"where (\1 or click_hk is null)",
        "reads business_vault.bv_clicks without a literal predicate on event_date",
    ),
    Defect(
        "a partition predicate on the other side of a join",
        "bv_auction_imps",
        r"where \(event_date [^)]*\) or[^)]*\)|where \(event_date [^)]*\)",
        "where true",
        "without a literal predicate on event_date",
    ),
    Defect(
        "a MERGE that looks through all partitions of its target",
        "fct_clicks",
        r"and \(dbt_internal_dest\.event_date [^)]*\)",
        "",
        "without a literal predicate on event_date",
        "MERGE",
    ),
    Defect(
        "a raw table read beyond the window",
        "stg_ad_events__clicks",
        r"where raw_rows\._ingest_seq > 4 and raw_rows\._ingest_seq <= 9",
        "where true",
        "reads raw_ad_events.events__pinned without a literal predicate on",
    ),
)
