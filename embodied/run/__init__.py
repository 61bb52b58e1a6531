"""Loops over an agent and its environments; they know only `embodied`."""
