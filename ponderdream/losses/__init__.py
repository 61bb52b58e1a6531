"""Losses: functions of arrays and distributions, never of modules."""
