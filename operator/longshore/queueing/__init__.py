"""Queues and compute environments: who is admitted next, where, and why the others wait."""
