"""Engines that answer the same statements over the same cube.

`peer` is what they have in common, `duck`, `house`, `fusion` and `postgres` are those of others,
`ours` is the server under test, `worker` runs one peer in a process of its own, `answers` compares
what they say, `report` writes tables. `../peers.py` puts them together.
"""
