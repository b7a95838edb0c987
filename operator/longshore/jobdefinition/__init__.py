"""What a JobDefinition becomes: revisions that BatchJobs are made from, and BatchJobs when a schedule says so."""
