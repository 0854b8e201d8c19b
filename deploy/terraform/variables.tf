variable "project" {
  description = "Of Google Cloud."
  type        = string
}

variable "region" {
  description = "Of the service and of its Valkey."
  type        = string
  default     = "us-central1"
}

variable "image" {
  description = "Of the service, with its digest: REGION-docker.pkg.dev/…/open-balancer@sha256:…"
  type        = string
}

variable "network" {
  description = "Name of the network in which the service reaches its Valkey."
  type        = string
  default     = "default"
}

variable "subnet" {
  description = "Name of its subnet in the region."
  type        = string
  default     = "default"
}

variable "settings" {
  description = "More environment variables of the service, such as those of OpenTelemetry."
  type        = map(string)
  default     = {}
}

variable "datadog_definitions" {
  description = "Folder that `open-balancer dashboards --out` wrote; null: nothing in Datadog."
  type        = string
  default     = null
}
