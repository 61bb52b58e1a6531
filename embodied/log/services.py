"""Logging to services: Weights & Biases and MLflow.

Their own environment variables say where a run goes and whether it waits on
disk, such as WANDB_PROJECT, WANDB_MODE, MLFLOW_EXPERIMENT_NAME and
MLFLOW_TRACKING_URI. A training that is resumed goes on in its old run, whose
id is kept in the logdir.
"""

import datetime
import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from embodied.errors import UsageError
from embodied.files import Folder
from embodied.log.logger import BINS, Record

log = logging.getLogger('embodied')

NAME = 'ponderdream'

# What MLflow takes at once, and as the value of a setting.
METRICS, PARAMS, CHARACTERS = 1000, 100, 500


class WandB:
  """Numbers and histograms as a run of Weights & Biases.

  Args:
    logdir: of the training.
    settings: of the training, by key.

  Raises:
    UsageError: the service cannot be reached.
  """

  def __init__(
    self, logdir: str | os.PathLike[str], settings: Mapping[str, Any]
  ) -> None:
    import wandb

    folder = Folder(logdir)
    Folder(logdir, 'wandb')  # in which the service writes
    if not folder.exists('wandb.id'):
      folder.replace('wandb.id', uuid.uuid4().hex.encode())
    try:
      self._run = wandb.init(
        project=os.environ.get('WANDB_PROJECT', NAME),
        dir=folder.path,
        id=folder.read('wandb.id').decode(),
        resume='allow',
        name=folder.path.name,
        config=dict(settings),
        settings=wandb.Settings(console='off'),  # leaves the terminal alone
      )
    except wandb.errors.Error as error:
      raise UsageError(
        f'Weights & Biases cannot start: {error} Or set the environment'
        ' variable WANDB_MODE to offline.'
      ) from None
    # Several records may belong to one step.
    self._run.define_metric('*', step_metric='step')
    self._histogram = wandb.Histogram

  def write(self, record: Record) -> None:
    values: dict[str, Any] = {'step': record.step, **record.scalars}
    for key, array in record.histograms.items():
      finite = array[np.isfinite(array)].astype(np.float64)
      if finite.size:
        counts = np.histogram(finite, BINS)
        values[key] = self._histogram(np_histogram=counts)
    self._run.log(values)

  def close(self) -> None:
    self._run.finish()


class MLflow:
  """Numbers as a run of MLflow. What cannot be written is warned of.

  Args:
    logdir: of the training.
    settings: of the training, by key.

  Raises:
    UsageError: the service cannot be reached.
  """

  def __init__(
    self, logdir: str | os.PathLike[str], settings: Mapping[str, Any]
  ) -> None:
    import mlflow

    self._errors = mlflow.exceptions.MlflowException
    self._entities = mlflow.entities
    folder = Folder(logdir)
    try:
      self._client = mlflow.MlflowClient()
      if not folder.exists('mlflow.id'):
        begun = self._begin(folder.path.name, settings)
        folder.replace('mlflow.id', begun.encode())
      self._run = folder.read('mlflow.id').decode()
      self._client.update_run(self._run, 'RUNNING')
    except (self._errors, ImportError) as error:
      reason = ' '.join(str(error).split())
      raise UsageError(f'MLflow cannot start: {reason}') from None

  def _begin(self, name: str, settings: Mapping[str, Any]) -> str:
    """Makes a run with these settings; returns its id."""
    where = os.environ.get('MLFLOW_EXPERIMENT_NAME', NAME)
    found = self._client.get_experiment_by_name(where)
    number = (
      found.experiment_id if found else self._client.create_experiment(where)
    )
    run = self._client.create_run(number, run_name=name).info.run_id
    rows = [
      self._entities.Param(k, str(v)[:CHARACTERS]) for k, v in settings.items()
    ]
    for part in _parts(rows, PARAMS):
      self._client.log_batch(run, params=part)
    return str(run)

  def write(self, record: Record) -> None:
    # The date that MLflow shows, in milliseconds.
    now = int(1000 * datetime.datetime.now().timestamp())
    rows = [
      self._entities.Metric(_key(k), v, now, record.step)
      for k, v in record.scalars.items()
    ]
    try:
      for part in _parts(rows, METRICS):
        self._client.log_batch(self._run, metrics=part)
    except self._errors as error:
      log.warning('MLflow did not take step %d: %s', record.step, error)

  def close(self) -> None:
    try:
      self._client.set_terminated(self._run)
    except self._errors as error:
      log.warning('MLflow did not take the end of the run: %s', error)


def _key(name: str) -> str:
  """The name of a metric, in the characters that MLflow allows."""
  return re.sub(r'[^\w\-. :/]', '_', name)


def _parts(rows: list[Any], size: int) -> Iterator[list[Any]]:
  """The rows, so many at once."""
  for start in range(0, len(rows), size):
    yield rows[start : start + size]
