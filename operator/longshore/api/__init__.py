"""The contract: what people write and what they read back, one module per kind."""

GROUP = "longshore.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
