"""The edge: bytes, Kafka, files, clocks and state. The only folder that knows Faust."""
