"""Environments side by side, each in a process of its own."""

from embodied.driver.driver import Driver as Driver
