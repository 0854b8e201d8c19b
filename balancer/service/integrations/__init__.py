"""What runs beside the service and talks to others: telemetry, Datadog, notifications."""
