"""LRXC: plans in words, with what was seen and done while they were in force.

No JAX here: data are made and read by processes that must start quickly.
"""
