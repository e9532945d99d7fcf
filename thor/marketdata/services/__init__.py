"""What jobs ask of market data: fold the ticks, store closed bars, store minute samples.

Each is keyword-only, takes the business time `at` as an argument, may be killed at any point and called twice at once,
and returns a small value for the run.
"""
