"""Whole installations, started as people start them."""
