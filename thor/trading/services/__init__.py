"""What the jobs of the desk do: one service a job."""
