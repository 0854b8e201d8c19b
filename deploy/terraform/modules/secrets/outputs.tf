# What uses these waits until the service may read them.

output "service_account" {
  description = "E-mail address of the account that the service runs as."
  value       = google_service_account.service.email
  depends_on  = [google_secret_manager_secret_iam_member.reads]
}

output "variables" {
  description = "Name of the secret of each environment variable."
  value       = local.variables
  depends_on  = [google_secret_manager_secret_iam_member.reads]
}

output "policy" {
  description = "Name of the secret that holds the policy file."
  value       = local.policy
  depends_on  = [google_secret_manager_secret_iam_member.reads]
}
