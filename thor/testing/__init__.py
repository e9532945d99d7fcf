"""The twins: what stands in for the outside world in tests and simulations, each held to its port's conformance suite."""
