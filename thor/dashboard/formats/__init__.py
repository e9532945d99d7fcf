"""How dates and times are written on every page, the admin's too: Django reads them here, not in the settings."""
