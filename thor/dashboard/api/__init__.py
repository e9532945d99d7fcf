"""The API: what Thor knows of markets, as read-only JSON with an OpenAPI document, under `/api/v1/`.

`urls` is its front, `operations` its questions one by one, `questions` the parameters, `answers` the models of what is
said, `callers` who may ask, `troubles` how it is said that something cannot be answered.
"""
