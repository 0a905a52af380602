"""The benchmark: Gatehouse beside its peers, in one run on one machine. `make bench` starts it."""
