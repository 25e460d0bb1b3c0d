"""Tucano as a process of its own: it speaks include/tucano-api.yaml and misbehaves on demand.

Nothing here imports the product: what the two share is the contract file, so that a mistake in
spelling a request cannot be made on both sides at once. docs/simulator.md is its manual.
"""
