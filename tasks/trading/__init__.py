"""The jobs of swing trading."""
