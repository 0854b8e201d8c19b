output "url" {
  description = "Of the primary, for OPEN_BALANCER_FLEET. It has no password: the network is its bound."
  value       = "redis://${local.primary.ip_address}:${local.primary.port}/0"
}

locals {
  # A reader has an address, too, and takes no writes.
  primary = one([
    for found in flatten(google_memorystore_instance.fleet.endpoints[*].connections[*].psc_auto_connection[*]) :
    found if found.connection_type == "CONNECTION_TYPE_PRIMARY"
  ])
}
