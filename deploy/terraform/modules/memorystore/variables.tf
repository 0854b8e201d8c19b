variable "project" {
  description = "Of Google Cloud."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "network" {
  description = "Name of the network from which it is reached."
  type        = string
}

variable "subnet" {
  description = "Name of the subnet in which it gets its address."
  type        = string
}

variable "node_type" {
  description = "A fleet needs some megabytes; 100 MB for 100,000 limits and 20 replicas."
  type        = string
  default     = "SHARED_CORE_NANO"
}
