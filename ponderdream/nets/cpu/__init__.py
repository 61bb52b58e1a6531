"""Forms of layers, and settings of memory, that CPUs need."""
