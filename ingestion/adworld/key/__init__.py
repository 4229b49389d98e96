"""The answer key: the true value of every metric, from the world's own ledger, without SQL.

It is written from the definitions and shares no code with the models. `answers` puts it together;
each module keeps one part of the definitions:

- `events`: what is one event; `exact`: numbers as text, rounding;
- `invalid`: verdicts; `reasons`: invalid traffic by reason;
- `delivery`: counts and rates; `performance`: the same by hour, arm and region; `lift`: what an arm
  gains over its control; `audiences`: by age band and gender;
- `viewability`: what was in view, and played; `reach`: ids, frequency, caps;
- `auctions`: requests, bids, wins, audience; `money`: cost, billing, exchange rates;
- `spend`: what is owed; `discrepancy`: third parties' reports; `pacing`: plans of line items;
- `exposure`: what lies in which currency;
- `auctions`: requests, bids, wins, audience; `penetration`: how much of it was reached;
- `money`: cost, billing, exchange rates;
- `actions`: conversions, product events; `sessions`: sessions and funnels;
- `attribution`: what led to conversions;
- `organizations`: Crunchbase; `balance`: what was sent, loaded, failed.
"""

from ingestion.adworld.key.answers import answers, read_key, write_key
from ingestion.adworld.key.exact import Answer

__all__ = ["Answer", "answers", "read_key", "write_key"]
