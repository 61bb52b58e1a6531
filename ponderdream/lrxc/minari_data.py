"""Data sets of Minari, from and to LRXC, lossless.

A Minari episode has one action less than observations, and the reward of an
action beside it; here every observation has the reward that came with it and
the action that followed. What Minari has no place for (goals, unknown rewards)
lies in `infos`: `lrxc`, one text of JSON, and the columns of the steps as LRXC
has them.
"""

import json
import pathlib
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from embodied.config import Config
from embodied.errors import UsageError, install
from ponderdream.lrxc import play, store, validate
from ponderdream.lrxc.data import Data, shards
from ponderdream.lrxc.schema import Episode, Node, plain
from ponderdream.lrxc.store import Recording
from ponderdream.lrxc.tables import INTENDED, Field

# Columns that are stored in `infos`, too.
COLUMNS = ('action', 'reward', 'terminated', 'truncated')


def export(options: Config) -> int:
  """Makes a data set of Minari; returns the exit code.

  Raises:
    UsageError: no data, episodes without an action, an identifier that Minari
      does not take, or one that is taken.
  """
  minari = _package()
  if not re.search(r'-v\d+$', options.id):
    raise UsageError(
      f'{options.id!r} is no name of a Minari data set; write one such as'
      ' crafter/expert-v0.'
    )
  data = Data(options.data)
  idle = [x.episode_id for x in data.rows if x.n_steps < 2]
  if idle:
    raise UsageError(
      f'Episode {idle[0]!r} has no action, and Minari needs one;'
      f' {len(idle)} of {len(data)} episodes have none.'
    )
  try:
    with warnings.catch_warnings():
      # It would like to know an author, a licence and more.
      warnings.simplefilter('ignore')
      minari.create_dataset_from_buffers(
        options.id,
        (_buffer(data, x) for x in range(len(data))),
        action_space=_actions(data),
        observation_space=spaces.Dict(
          {k: _box(x) for k, x in data.fields.items()}
        ),
        # JPEG, its default, would change the pictures.
        jpeg_encoding=False,
      )
  except ValueError as error:
    raise UsageError(f'Minari refuses {options.id!r}: {error}') from None
  print(f'{len(data)} episodes are in the Minari data set {options.id}.')
  return 0


def import_(options: Config) -> int:
  """Makes a data set of one of Minari; returns the exit code.

  Raises:
    UsageError: no such data set, or other actions and observations than LRXC
      has.
  """
  minari = _package()
  folder = pathlib.Path(options.data)
  if shards(folder):
    raise UsageError(f'{folder} holds data already; choose another folder.')
  try:
    found = minari.load_dataset(options.id)
  except (ValueError, FileNotFoundError) as error:
    raise UsageError(f'Minari has no {options.id!r}: {error}.') from None
  if not isinstance(found.action_space, spaces.Discrete):
    raise UsageError(
      f'The actions of {options.id!r} are {found.action_space}; LRXC has'
      ' numbers from 0 on.'
    )
  count = store.write(
    folder,
    (_recording(options.id, i, x) for i, x in enumerate(found)),
  )
  print(f'{count} episodes are in {options.data}.')
  return 0


def _package() -> Any:
  try:
    import minari
  except ImportError:
    raise UsageError(
      f"This needs the package 'minari': {install('[minari]')}"
    ) from None
  return minari


def _buffer(data: Data, number: int) -> Any:
  """One episode as Minari takes it."""
  from minari.data_collector.episode_buffer import EpisodeBuffer

  steps = data.steps(number)
  words = {
    'episode': plain(data.episode(number)),
    'nodes': [plain(x) for x in data.nodes(number)],
    'action_text': steps['action_text'],
  }
  return EpisodeBuffer(
    observations={k: steps[k] for k in data.fields},
    actions=steps['action'][:-1],
    rewards=np.nan_to_num(steps['reward'][1:]),
    terminations=steps['terminated'][1:],
    truncations=steps['truncated'][1:],
    infos={'lrxc': [json.dumps(words)], **_columns(steps)},
  )


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
  """The columns of steps among other values."""
  return {k: values[k] for k in (*COLUMNS, INTENDED) if k in values}


def _actions(data: Data) -> spaces.Discrete:
  """The least space that has all actions."""
  low, high = 0, 0
  for i, row in enumerate(data.rows):
    table = data.table(i, 0, row.n_steps - 1, ['action'])
    found = table['action'].to_numpy()
    low, high = min(low, int(found.min())), max(high, int(found.max()))
  return spaces.Discrete(high - low + 1, start=low)


def _box(field: Field) -> spaces.Box:
  """All values of a dtype."""
  kind, dtype = field.dtype.kind, field.dtype.type
  if kind == 'b':
    return spaces.Box(0, 1, field.shape, dtype)
  if kind == 'f':
    return spaces.Box(-np.inf, np.inf, field.shape, dtype)
  info = np.iinfo(field.dtype)
  return spaces.Box(int(info.min), int(info.max), field.shape, dtype)


def _recording(name: str, number: int, episode: Any) -> Recording:
  observed = _observed(name, episode.observations)
  if episode.infos and 'lrxc' in episode.infos:
    words = json.loads(episode.infos['lrxc'][0])
    columns = _columns(episode.infos)
    return Recording(
      validate.record(Episode, words['episode']),
      [validate.record(Node, x) for x in words['nodes']],
      {**columns, 'action_text': words['action_text'], **observed},
    )
  first = lambda values: np.concatenate([[0], values])
  steps = {
    **observed,
    'action': np.append(episode.actions, -1).astype(np.int32),
    'action_text': [None] * (len(episode) + 1),
    'reward': first(episode.rewards).astype(np.float32),
    'terminated': first(episode.terminations).astype(bool),
    'truncated': first(episode.truncations).astype(bool),
  }
  return play.recording(
    steps,
    [],
    number,
    episode_id=f'minari-{number:06}',
    source={'kind': 'policy', 'url': f'minari:{name}'},
  )


def _observed(name: str, values: Any) -> dict[str, Any]:
  """Observations by key; a single one is `image` or `vector`.

  Raises:
    UsageError: other observations than arrays of numbers.
  """
  if isinstance(values, np.ndarray):
    picture = values.dtype == np.uint8 and values.ndim == 4
    values = {'image' if picture else 'vector': values}
  if not isinstance(values, Mapping) or not all(
    isinstance(x, np.ndarray) for x in values.values()
  ):
    raise UsageError(
      f'{name!r} has observations that are not arrays; LRXC cannot hold them.'
    )
  return dict(values)
