"""What the kinds share and decide alike: names, pods, sizes, placement, conditions, diagnosis. All of it pure."""
