"""What Longshore costs, as ratios to other ways of doing the same work, measured in one run."""
