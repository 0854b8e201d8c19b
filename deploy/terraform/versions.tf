terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.30"
    }
    datadog = {
      source  = "DataDog/datadog"
      version = ">= 3.40"
    }
  }
}
