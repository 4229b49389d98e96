"""The landing core: bytes in, typed rows or failed rows out; nothing vanishes."""

from ingestion.landing.avro_files import land_avro_file
from ingestion.landing.context import LandingContext
from ingestion.landing.csv_files import land_csv_file
from ingestion.landing.jsonl import land_jsonl_file
from ingestion.landing.keys import KeyStore
from ingestion.landing.records import land_json
from ingestion.landing.tabular import land_arrow
from ingestion.landing.tally import Tally

__all__ = [
    "KeyStore",
    "LandingContext",
    "Tally",
    "land_arrow",
    "land_avro_file",
    "land_csv_file",
    "land_json",
    "land_jsonl_file",
]
