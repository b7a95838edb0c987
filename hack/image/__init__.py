"""Builds the images that the end-to-end tests and the demo run: the operator's and the test workload's."""
