"""The template tags of the dashboard."""
