"""Faults: real workers on a real Kafka, broken in every way we can think of, held against an oracle."""
