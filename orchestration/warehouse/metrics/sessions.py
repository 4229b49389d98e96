"""Sessions, and the funnel of products."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

SESSIONS = Family(
    relation="analytics.rpt_sessions_daily",
    measures={
        "sessions": "sum(session_count)",
        "session_actions": "sum(action_count)",
        "session_seconds": "sum(duration_seconds)",
        "purchase_sessions": "sum(purchase_session_count)",
    },
    dimensions={"event_date": "event_date", "platform": "platform"},
    grains=("total", "event_date", "platform"),
)


def _steps(measures: Measures, _grain: str) -> dict[str, Number | None]:
    return {
        **measures,
        "funnel_click_rate": rate(measures["funnel_clickers"], measures["funnel_viewers"]),
        "funnel_purchase_rate": rate(measures["funnel_purchasers"], measures["funnel_clickers"]),
    }


FUNNEL = Family(
    relation="analytics.rpt_product_funnel_daily",
    measures={
        "product_views": "sum(view_count)",
        "product_clicks": "sum(click_count)",
        "product_purchases": "sum(purchase_count)",
        "funnel_viewers": "sum(viewer_count)",
        "funnel_clickers": "sum(clicker_count)",
        "funnel_purchasers": "sum(purchaser_count)",
    },
    dimensions={"event_date": "event_date", "SKU": "sku"},
    grains=("total", "event_date", "SKU", "event_date,SKU"),
    compute=_steps,
)

FAMILIES = (SESSIONS, FUNNEL)
