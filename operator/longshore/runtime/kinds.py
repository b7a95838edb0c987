"""Our own kinds as the API server serves them, for those who read or make objects of another kind than their own."""

from longshore.api import GROUP, VERSION
from longshore.cluster.resources import Resource

BATCHJOBS = Resource(GROUP, VERSION, "batchjobs", "BatchJob")
JOBQUEUES = Resource(GROUP, VERSION, "jobqueues", "JobQueue")
JOBDEFINITIONS = Resource(GROUP, VERSION, "jobdefinitions", "JobDefinition")
