"""Grafana dashboards as code, and the Prometheus rules about the service itself."""
