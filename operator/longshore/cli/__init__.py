"""The command line: `longshore run`, `plan`, `why`, `crds`."""
