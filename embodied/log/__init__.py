"""Logging: metrics, scores, videos, and the progress line."""
