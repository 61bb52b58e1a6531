"""Benchmarks of the parts of the system, also against other projects."""
