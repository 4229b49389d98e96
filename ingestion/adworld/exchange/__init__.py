"""The exchange: auctions of a slot, their Avro files, and what is wrong with some of these."""
