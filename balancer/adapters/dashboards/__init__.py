"""Grafana dashboard and Prometheus alert rules as files, from the metric table and a policy."""
