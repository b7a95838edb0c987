"""A real Kubernetes cluster on one machine, also where no image can be pulled and no Docker runs."""
