output "url" {
  description = "Of the service."
  value       = google_cloud_run_v2_service.service.uri
}
