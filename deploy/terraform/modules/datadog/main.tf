# Monitors and dashboard as `open-balancer dashboards` writes them from the policy: thresholds are
# said there, and nowhere here.

terraform {
  required_providers {
    datadog = {
      source = "DataDog/datadog"
    }
  }
}

variable "definitions" {
  description = "Folder that `open-balancer dashboards --out` wrote."
  type        = string
}

locals {
  # By the tag that each is found by; names need not differ.
  monitors = {
    for monitor in jsondecode(file("${var.definitions}/datadog-monitors.json")) :
    one([for tag in monitor.tags : tag if startswith(tag, "open_balancer_key:")]) => monitor
  }
}

resource "datadog_monitor_json" "all" {
  for_each = local.monitors
  monitor  = jsonencode(each.value)
}

resource "datadog_dashboard_json" "dashboard" {
  dashboard = file("${var.definitions}/datadog-dashboard.json")
}
