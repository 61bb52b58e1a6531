"""Experiments and benchmarks: `python -m scripts.experiments.parity`, ..."""
