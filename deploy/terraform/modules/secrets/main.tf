# Places for secrets, without their values, which would be in Terraform's state:
#   openssl rand -hex 32 | tr -d '\n' | gcloud secrets versions add open-balancer-token --data-file=-

locals {
  variables = {
    OPEN_BALANCER_TOKEN       = "open-balancer-token"
    OPEN_BALANCER_CLIENT_KEYS = "open-balancer-client-keys"
    GEMINI_API_KEY            = "open-balancer-gemini-key"
  }
  policy = "open-balancer-policy"
}

resource "google_service_account" "service" {
  account_id   = "open-balancer"
  display_name = "open-Balancer"
}

resource "google_secret_manager_secret" "all" {
  for_each  = toset(concat(values(local.variables), [local.policy]))
  secret_id = each.value
  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each  = google_secret_manager_secret.all
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service.member
}
