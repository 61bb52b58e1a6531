"""Faster forms of layers for CPUs, and the memory allocator."""
