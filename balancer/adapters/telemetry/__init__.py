"""OpenTelemetry: what the controller sees and decides, as metrics, traces and logs."""
