"""Drivers and environments that fail at a chosen step."""

import functools
import pathlib

import pytest

from embodied.driver import Driver

HERE = pathlib.Path(__file__).parent.parent


@pytest.fixture
def faulty(monkeypatch):
  # Workers inherit the search path, so they can import this module.
  monkeypatch.syspath_prepend(HERE)
  import faulty_env

  return faulty_env


@pytest.fixture
def make(faulty, tmp_path):
  """`make(index, fault, ...)` returns a function that makes a Faulty."""

  def make(index, fault=None, **kwargs):
    fault = getattr(faulty, fault) if fault else None
    path = str(tmp_path / str(index))
    return functools.partial(faulty.Faulty, path, fault, **kwargs)

  return make


@pytest.fixture
def drive():
  """`drive(fns, **kwargs)` returns a Driver that is closed after the test."""
  drivers = []

  def drive(fns, **kwargs):
    drivers.append(Driver(fns, **kwargs))
    return drivers[-1]

  yield drive
  for driver in drivers:
    driver.close()
