"""The local Kafka broker and the few things that the platform asks of any Kafka cluster."""

from ingestion.kafka.broker import (
    BrokerStatus,
    broker_status,
    free_port,
    start_broker,
    stop_broker,
)
from ingestion.kafka.client import TOPICS, Topic, client_config, create_topics, describe_topics
from ingestion.kafka.jars import cache_folder, ensure_jars, kafka_version

__all__ = [
    "TOPICS",
    "BrokerStatus",
    "Topic",
    "broker_status",
    "cache_folder",
    "client_config",
    "create_topics",
    "describe_topics",
    "ensure_jars",
    "free_port",
    "kafka_version",
    "start_broker",
    "stop_broker",
]
