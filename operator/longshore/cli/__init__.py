"""The command line: `longshore run`, `plan`, `why`, `convert`, `crds`."""
