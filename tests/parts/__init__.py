"""The real Kafka, Prometheus and Alertmanager, each started for the tests on free loopback ports."""
