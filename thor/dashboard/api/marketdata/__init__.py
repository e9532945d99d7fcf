"""What the API says of market data: quotes, captures, figures, instruments and feeds.

Each module of operations has a router; `questions` are their parameters, `…_answers` the models of what is said.
"""
