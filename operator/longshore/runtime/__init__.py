"""The running operator: settings, the work queue, and the workers."""
