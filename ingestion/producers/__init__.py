"""Producers that lose nothing: events are journalled on disk, acknowledged, then sent to Kafka."""
