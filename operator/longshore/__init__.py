"""Longshore: services and batch jobs on Kubernetes from one small object each."""

__version__ = "0.1.0"
