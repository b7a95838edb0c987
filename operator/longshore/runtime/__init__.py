"""The running operator: settings, the work queue, the workers, and kopf's part."""
