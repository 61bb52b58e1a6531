"""PonderDream: a DreamerV3-style agent that learns how long to think."""

import importlib
from typing import Any

API = 'Acting', 'load', 'make_env', 'train'


def __getattr__(name: str) -> Any:
  # Not imported before it is used: environment processes import this package
  # without JAX.
  if name in API:
    return getattr(importlib.import_module('ponderdream.api'), name)
  raise AttributeError(f"The module 'ponderdream' has no attribute '{name}'.")
