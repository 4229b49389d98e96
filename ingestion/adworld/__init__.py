"""The ad world: a deterministic generator of everything that the sources send, and its key.

    create_world(folder, seed, scale)   a world in a folder
    create_worked_example(folder)       the example of the definitions, key by hand
    play(settings, day)                 sends a day: Kafka, files, campaigns database, FX API
    serve_fx(folder)                    the FX API over HTTP on loopback
    serve_crunchbase(folder)            the Crunchbase API, likewise
    read_key(folder, day)               the true value of every metric after a day
    describe(folder)                    how far it was played, and what it sent

`program.messages_of` and `sources.GeneratedDay` make the same bytes without any target.
"""

from ingestion.adworld.crunchbase_server import serve_crunchbase
from ingestion.adworld.describe import describe
from ingestion.adworld.fx_server import serve_fx
from ingestion.adworld.key import Answer, read_key
from ingestion.adworld.player import PlayReport, create_worked_example, create_world, play

__all__ = [
    "Answer",
    "PlayReport",
    "create_worked_example",
    "create_world",
    "describe",
    "play",
    "read_key",
    "serve_crunchbase",
    "serve_fx",
]
