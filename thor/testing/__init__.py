"""The twins: what stands in for the outside world in tests, each held to its port's conformance suite."""
