variable "region" {
  description = "Where it runs."
  type        = string
}

variable "image" {
  description = "Of the service."
  type        = string
}

variable "network" {
  description = "Name of the network in which it reaches its store."
  type        = string
}

variable "subnet" {
  description = "Name of its subnet in the region."
  type        = string
}

variable "service_account" {
  description = "E-mail address of the account that it runs as."
  type        = string
}

variable "secrets" {
  description = "Name of the secret of each environment variable."
  type        = map(string)
}

variable "policy_secret" {
  description = "Name of the secret that holds the policy file."
  type        = string
}

variable "fleet" {
  description = "URL of the store through which instances decide together; null: one instance by itself."
  type        = string
  default     = null
}

variable "settings" {
  description = "More environment variables, such as those of OpenTelemetry."
  type        = map(string)
  default     = {}
}

variable "min_instances" {
  description = "At least 1: the controller goes on between calls."
  type        = number
  default     = 1
  validation {
    condition     = var.min_instances >= 1
    error_message = "min_instances is at least 1: with none the controller stands still."
  }
}

variable "max_instances" {
  description = "With a store; together with those of a revision that it takes over from, at most 20 share a budget."
  type        = number
  default     = 10
  validation {
    condition     = var.max_instances <= 10
    error_message = "max_instances is at most 10: two revisions together are then the 20 that share a budget."
  }
}
