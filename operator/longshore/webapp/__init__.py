"""What a WebApp becomes: children/ builds the objects, decide.py and its neighbours decide, reconcile.py does."""
