"""Jobs on market data."""
