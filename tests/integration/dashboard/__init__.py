"""The dashboard through Django's test client, and the pure functions behind it."""
