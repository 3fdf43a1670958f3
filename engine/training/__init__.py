"""By gradients: the loop, runs, schedules, tuners, branches, supernets."""
