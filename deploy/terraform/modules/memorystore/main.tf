# The store of a fleet: one primary with a file, and nothing evicted (docs/how-to/run-a-fleet.md).

data "google_compute_network" "network" {
  name = var.network
}

data "google_compute_subnetwork" "subnet" {
  name   = var.subnet
  region = var.region
}

resource "google_network_connectivity_service_connection_policy" "valkey" {
  name          = "open-balancer-valkey"
  location      = var.region
  service_class = "gcp-memorystore"
  network       = data.google_compute_network.network.id
  psc_config {
    subnetworks = [data.google_compute_subnetwork.subnet.id]
  }
}

resource "google_memorystore_instance" "fleet" {
  instance_id    = "open-balancer"
  location       = var.region
  mode           = "CLUSTER_DISABLED"
  shard_count    = 1
  node_type      = var.node_type
  engine_version = "VALKEY_8_0"

  # A fail-over to a replica loses the last writes, and what was leased in between is granted twice.
  replica_count = 0
  persistence_config {
    mode = "AOF"
    aof_config {
      append_fsync = "EVERY_SEC"
    }
  }
  # An evicted budget is a forgotten one.
  engine_configs = {
    maxmemory-policy = "noeviction"
  }

  desired_auto_created_endpoints {
    network    = data.google_compute_network.network.id
    project_id = var.project
  }
  depends_on = [google_network_connectivity_service_connection_policy.valkey]
}
