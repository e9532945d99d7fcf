"""Jobs that keep the house in order; they are not counted among the jobs of the desk."""
