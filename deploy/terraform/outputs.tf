output "url" {
  description = "Of the service, from within the network."
  value       = module.cloud_run.url
}
