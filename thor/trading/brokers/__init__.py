"""Brokers: orders out, and what became of them.

One port (`port`), three adapters that pass one conformance suite: `paper` (embedded, the default), `alpaca` (REST
through alpaca-py), and the twin in memory for tests (`thor.testing.broker`). `choice` says which one this process has.

An answer to an order is `Accepted`, `Rejected` or `Unknown`. A time-out, a 5xx, a broken connection or an answer that
cannot be read are `Unknown`: the order may have arrived. It is stored, asked for by its `client_order_id`, and settled;
it is never sent again on a guess. A question that fails raises `BrokerUnreachable`, and is never an empty answer.

    submit ── Accepted ──► working ── partially filled ──► filled
       │                      └── cancelled, expired, rejected
       ├── Rejected: nothing was ordered, and the broker said why
       └── Unknown:  asked for by its id until the broker answers, whatever it answers
"""
