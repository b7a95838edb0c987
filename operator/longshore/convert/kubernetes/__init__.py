"""Kubernetes' own kinds: Deployments with what stands around them, Jobs and CronJobs."""
