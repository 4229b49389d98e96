"""Market penetration: how much of the addressable audience was reached.

- The audience of a value is the different ids in the bid requests that give it.
- An id of it is reached if it saw a net impression on the UTC date of such a request. So what an id
  is like comes from requests alone, and who was reached without one is not counted.
- Of a date, requests of that date; of all time, any.
"""

from collections.abc import Iterator

import numpy as np

from ingestion.adworld.config import DAY_US
from ingestion.adworld.key.auctions import Auctioned, asked_for
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.reach import ids_of, reached

VALUES = ((), ("country",), ("country", "region"), ("age_band",), ("gender",), ("device_type",))


def penetration_answers(auctioned: Auctioned, delivery: Delivery) -> Iterator[Answer | None]:
    """Audiences, the reached of them, and their share, by value: by date, and of all time."""
    named, asked = asked_for(auctioned)
    shown, ids = delivery.impressions, ids_of(delivery.impressions)
    counted = ~delivery.invalid_impressions & (ids >= 0)
    of_date = set(
        zip((shown["ts"][counted] // DAY_US).tolist(), ids[counted].tolist(), strict=True)
    )
    dates, users = auctioned.requests["ts"][named] // DAY_US, asked["user"].codes
    pairs = zip(dates.tolist(), users.tolist(), strict=True)
    met = np.flatnonzero(np.array([pair in of_date for pair in pairs], np.bool_))
    asked_and_met = {name: dimension.take(met) for name, dimension in asked.items()}
    for values in VALUES:
        for grain in (values, ("event_date", *values)):
            found = reached(asked_and_met, grain)
            for group, seen in reached(asked, grain).items():
                audience, part = len(seen), len(found.get(group, ()))
                if values and grain != values:
                    yield answer("addressable_audience", dict(group), audience)
                yield answer("reached_audience", dict(group), part)
                yield answer("market_penetration", dict(group), rate(part, audience) or 0)
