# The service on Cloud Run; deploy/cloud-run has the same without Terraform, with its reasons.

locals {
  settings = merge(
    {
      OPEN_BALANCER_HOST   = "0.0.0.0"
      OPEN_BALANCER_HOSTS  = "*"
      OPEN_BALANCER_DRAIN  = "5s"
      OPEN_BALANCER_DATA   = "/tmp/open-balancer"
      OPEN_BALANCER_POLICY = "/etc/open-balancer/policy.yaml"
    },
    var.fleet == null ? {} : {
      OPEN_BALANCER_FLEET          = var.fleet
      OPEN_BALANCER_FLEET_REPLICAS = "20"
    },
    var.settings,
  )
}

resource "google_cloud_run_v2_service" "service" {
  name     = "open-balancer"
  location = var.region
  ingress  = "INGRESS_TRAFFIC_INTERNAL_ONLY"

  template {
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = 500
    timeout                          = "900s"

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.fleet == null ? 1 : var.max_instances
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"
      network_interfaces {
        network    = var.network
        subnetwork = var.subnet
      }
    }

    containers {
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        # CPU between requests too, or the ticker stands still (instance-based billing).
        cpu_idle          = false
        startup_cpu_boost = true
        # Both journals, of nine files of 64 MB each, are in memory, too.
        limits = {
          cpu    = "1"
          memory = "2Gi"
        }
      }

      dynamic "env" {
        for_each = local.settings
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 2
        failure_threshold = 30
        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds  = 30
        timeout_seconds = 5
        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      volume_mounts {
        name       = "policy"
        mount_path = "/etc/open-balancer"
      }
    }

    volumes {
      name = "policy"
      secret {
        secret = var.policy_secret
        items {
          version = "latest"
          path    = "policy.yaml"
        }
      }
    }
  }
}
