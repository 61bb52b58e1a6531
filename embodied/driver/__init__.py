"""Steps several environments at once, each in a separate process."""

from embodied.driver.driver import Driver as Driver
