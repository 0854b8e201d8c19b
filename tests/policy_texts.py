"""Policy files as users write them, for tests."""

from __future__ import annotations

TABLE = """\
thresholds:
  soft:      {latency_p95: 2000ms,  error_rate: 5%,  token_cost_per_hour: $50}
  hard:      {latency_p95: 5000ms,  error_rate: 10%, token_cost_per_hour: $100}
  emergency: {latency_p95: 10000ms, error_rate: 20%, token_cost_per_hour: $200}
"""
ALERTS = """\
- alert: "High P95 Latency"
  condition: "P95 response time > 2000ms for 5 minutes"
  action: "Activate soft brownout mode"
- alert: "Critical P95 Latency"
  condition: "P95 response time > 5000ms for 2 minutes"
  action: "Activate hard brownout mode"
- alert: "Elevated Error Rate"
  condition: "Error rate > 5% for 3 minutes"
  action: "Activate soft brownout mode"
- alert: "Critical Error Rate"
  condition: "Error rate > 15% for 1 minute"
  action: "Activate emergency brownout mode"
- alert: "High Token Usage"
  condition: "Hourly token cost > $50"
  action: "Activate soft brownout mode"
- alert: "Budget Exceeded"
  condition: "Hourly token cost > $200"
  action: "Activate emergency brownout mode"
- alert: "High Memory Usage"
  condition: "Memory usage > 85% for 5 minutes"
  action: "Scale up or activate brownout"
- alert: "Queue Depth Critical"
  condition: "Request queue > 100 pending"
  action: "Activate hard brownout mode"
"""
