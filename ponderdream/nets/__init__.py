"""Layers, convolutions, distributions and heads."""
