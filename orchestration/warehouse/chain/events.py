"""Lake to vault: the first delivery of every event is in its event link, unchanged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestration.warehouse.chain.link import Link, content_of, key_text

_PERSONAL = {
    "user_pseudonym": "user_id",
    "ip_pseudonym": "ip",
    "ip_prefix": "ip_prefix",
    "user_agent": "user_agent",
}
_IMPRESSION = {
    **{
        name: name
        for name in (
            "impression_id",
            "exchange",
            "auction_id",
            "imp_id",
            "bid_id",
            "line_item_id",
            "creative_id",
            "placement_id",
            "region",
            "latitude",
            "longitude",
            "device_type",
            "ad_format",
            "width",
            "height",
            "clearing_price_micros",
            "channel",
            "experiment_arm",
            "page_url",
            "is_prefetch",
        )
    },
    **_PERSONAL,
    "country_code": "country",
    "currency_code": "currency",
    "is_gdpr_applicable": "consent.gdpr_applies",
    "consent_tcf": "consent.tcf",
    "consent_gpp": "consent.gpp",
    "has_personal_consent": "consent.personal",
}
_CLICK = {
    "click_id": "click_id",
    "impression_id": "impression_id",
    "landing_url": "landing_url",
    **_PERSONAL,
}

_KAFKA_ORDER = "_ingest_seq, _kafka_topic_id || '/' || _kafka_partition, _kafka_offset"
_FILE_ORDER = "_ingest_seq, _source_file, _source_line"


@dataclass(frozen=True)
class _Event:
    """An event link of the vault and where its rows come from.

    Attributes:
        link: Table in `raw_vault`.
        raw: Raw table.
        key: Columns of the event's key, as the vault calls them.
        columns: Raw expression of each compared column, by its name in the vault.
        struct: Column of the raw table that holds the event, in an envelope.
        where: Which rows of the raw table are such events.
        kafka: Whether the raw table has positions of Kafka, not of a file.
    """

    link: str
    raw: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    struct: str = ""
    where: str = "true"
    kafka: bool = False

    def compared(self) -> Link:
        """The first delivery of each key, against the rows of the link."""
        prefix = f"{self.struct}." if self.struct else ""
        raw = {name: f"{prefix}{expression}" for name, expression in self.columns.items()}
        raw["event_at"] = "event_ts::timestamp"
        raw["event_date"] = "event_date"
        order = _KAFKA_ORDER if self.kafka else _FILE_ORDER
        return Link(
            f"{self.raw} in raw_vault.{self.link}",
            tuple(raw),
            f"""
            select {key_text([raw[name] for name in self.key])} as place,
                {content_of(list(raw.values()))} as content
            from {self.raw}
            where {self.where} and place is not null
            qualify row_number() over (partition by place order by {order}) = 1
            """,
            f"select {key_text(self.key)} as place, {content_of(list(raw))} as content "
            f"from raw_vault.{self.link}",
        )


_EVENTS = (
    _Event(
        "nhl_impression__ad_events",
        "raw_ad_events.events",
        ("impression_id",),
        _IMPRESSION,
        struct="impression",
        where="event_type = 'impression'",
        kafka=True,
    ),
    _Event(
        "nhl_click__ad_events",
        "raw_ad_events.events",
        ("click_id",),
        _CLICK,
        struct="click",
        where="event_type = 'click'",
        kafka=True,
    ),
    _Event(
        "nhl_viewability__ad_events",
        "raw_ad_events.events",
        ("impression_id", "interval_sequence"),
        {
            "impression_id": "impression_id",
            "interval_sequence": "sequence",
            "start_ms": "start_ms",
            "end_ms": "end_ms",
            "in_view_fraction": "in_view_fraction",
            "is_measurable": "measurable",
            "is_playing": "playing",
            "position_ms": "position_ms",
        },
        struct="viewability",
        where="event_type = 'viewability'",
        kafka=True,
    ),
    _Event(
        "nhl_video_event__ad_events",
        "raw_ad_events.events",
        ("impression_id", "video_event"),
        {name: name for name in ("impression_id", "video_event", "position_ms")},
        struct="video",
        where="event_type = 'video'",
        kafka=True,
    ),
    _Event("nhl_impression__adserver", "raw_adserver.impressions", ("impression_id",), _IMPRESSION),
    _Event("nhl_click__adserver", "raw_adserver.clicks", ("click_id",), _CLICK),
    _Event(
        "nhl_conversion__adserver",
        "raw_adserver.conversions",
        ("conversion_id",),
        {
            "conversion_id": "conversion_id",
            "advertiser_id": "advertiser_id",
            "user_pseudonym": "user_id",
            "account_id": "account_id",
            "conversion_type": "conversion_type",
            "conversion_value": "value",
            "currency_code": "currency",
            "order_id": "order_id",
        },
    ),
)


def _user_actions() -> Link:
    """A user action is known by its id; without one by where it lies in its topic."""
    names = ("event_name", "user_pseudonym", "platform", "product_name", "sku")
    place = "_kafka_topic_id || '/' || _kafka_partition || '/' || _kafka_offset"
    event_id = key_text(["_event_id"])
    raw = [*names, "event_datetime::timestamp", "event_date"]
    return Link(
        "raw_user_events.events in raw_vault.nhl_user_action__user_events",
        (*names, "event_at", "event_date"),
        f"""
        select coalesce('id ' || {event_id}, 'at ' || {place}) as place,
            {content_of(raw)} as content
        from raw_user_events.events
        qualify row_number() over (partition by place order by {_KAFKA_ORDER}) = 1
        """,
        "select case when has_event_id then 'id ' else 'at ' end || user_action_id as place, "
        f"{content_of([*names, 'event_at', 'event_date'])} as content "
        "from raw_vault.nhl_user_action__user_events",
    )


def event_links() -> Iterator[Link]:
    """Every event link of the vault against its raw table."""
    for event in _EVENTS:
        yield event.compared()
    yield _user_actions()
