"""What a BatchJob becomes: children/ builds the Job of an attempt, decide.py and its neighbours decide."""
