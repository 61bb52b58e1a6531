"""Sokoban, compiled: its rules, level files, rooms and pictures."""

from embodied.envs import compiled

compiled.set_cache()
