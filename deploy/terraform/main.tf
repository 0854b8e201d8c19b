# A fleet on Cloud Run: secrets, a Valkey, the service, and its monitors in Datadog. Take it as it
# is, or take single modules into yours.

provider "google" {
  project = var.project
  region  = var.region
}

module "secrets" {
  source = "./modules/secrets"
}

module "memorystore" {
  source  = "./modules/memorystore"
  project = var.project
  region  = var.region
  network = var.network
  subnet  = var.subnet
}

module "cloud_run" {
  source          = "./modules/cloud-run"
  region          = var.region
  image           = var.image
  network         = var.network
  subnet          = var.subnet
  fleet           = module.memorystore.url
  service_account = module.secrets.service_account
  secrets         = module.secrets.variables
  policy_secret   = module.secrets.policy
  settings        = var.settings
}

# Keys come from DD_API_KEY, DD_APP_KEY and DD_HOST.
provider "datadog" {
  validate = var.datadog_definitions != null
}

module "datadog" {
  source      = "./modules/datadog"
  count       = var.datadog_definitions == null ? 0 : 1
  definitions = var.datadog_definitions
}
