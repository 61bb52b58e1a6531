"""Records episodes while they are played."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from embodied.base import Env, Spaces
from embodied.errors import UsageError
from embodied.experts import Expert
from ponderdream.lrxc import validate
from ponderdream.lrxc.schema import SCHEMA_VERSION, Episode, Node
from ponderdream.lrxc.store import Recording
from ponderdream.lrxc.tables import INTENDED

# One episode of so many is held out.
HELD_OUT = 10


def observed(spaces: Spaces) -> list[str]:
  """The observation keys that an agent sees, which are stored."""
  return [
    k
    for k, v in spaces.items()
    if v.role != 'hidden' and not k.startswith('log/')
  ]


def check_action(task: str, spaces: Spaces) -> None:
  """Raises UsageError unless the one action is a number from 0 on."""
  keys = spaces.keys() - {'reset'}
  action = spaces.get('action')
  if keys != {'action'} or action is None or action.role != 'class':
    raise UsageError(
      f"The actions of '{task}' are {sorted(keys)}; LRXC has one action, a"
      ' number. Record another environment.'
    )


class Recorder:
  """Collects the steps of one episode: what was seen, and what was done."""

  def __init__(self, keys: list[str]) -> None:
    self._keys = keys
    self._steps: list[dict[str, Any]] = []

  def __len__(self) -> int:
    return len(self._steps)

  def add(
    self,
    obs: Mapping[str, Any],
    action: int = -1,
    text: str | None = None,
    intended: int | None = None,
  ) -> None:
    """Adds an observation, and the action that followed, if one did; in all
    steps of an episode, or in none, also the action that was intended."""
    self._steps.append(
      {
        # A copy: the environment or its driver may use the array again.
        **{k: np.array(obs[k]) for k in self._keys},
        'action': np.int32(action),
        'action_text': text,
        'reward': np.float32(obs['reward']),
        'terminated': bool(obs['is_terminal']),
        'truncated': False,
        **({} if intended is None else {INTENDED: np.int32(intended)}),
      }
    )

  def steps(self) -> dict[str, Any]:
    """The steps as `store.Recording` holds them. An episode that did not
    terminate is truncated at its last step."""
    rows = self._steps
    rows[-1]['truncated'] = not rows[-1]['terminated']
    found: dict[str, Any] = {
      k: np.stack([x[k] for x in rows]) for k in rows[0] if k != 'action_text'
    }
    return found | {'action_text': [x['action_text'] for x in rows]}


def recording(
  steps: Mapping[str, Any],
  nodes: list[dict[str, Any]],
  index: int,
  **values: Any,
) -> Recording:
  """The recording of an episode's steps and plain nodes; fields that follow
  from these need not be among `values`.

  Raises:
    UsageError: something is not valid.
  """
  filled = {
    'schema_version': SCHEMA_VERSION,
    'n_steps': len(steps['action']),
    'clock': 'step',
    'has_actions': bool((steps['action'] >= 0).any()),
    'has_rewards': True,
    'has_images': 'image' in steps,
    'return': float(np.sum(steps['reward'], dtype=np.float64)),
    'split': 'valid' if index % HELD_OUT == HELD_OUT - 1 else 'train',
  }
  episode = validate.record(Episode, {**filled, **values})
  name = {'episode_id': episode.episode_id}
  found = [validate.record(Node, _said(x) | name) for x in nodes]
  return Recording(episode, found, steps)


def play(
  expert: Expert, env: Env, name: str, index: int, seed: int, length: int
) -> Recording:
  """Plays one episode, which ends after `length` actions at the latest, or
  by the rules of the game if `length` is 0.

  Raises:
    UsageError: the expert's plan is not valid.
  """
  recorder = Recorder(observed(env.obs_space))
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.bool_(True)})
  while not obs['is_last'] and (not length or len(recorder) < length):
    action = expert.act(env)
    recorder.add(obs, action, expert.stack[-1].text, intended=expert.intended)
    obs = env.step({'action': np.int32(action), 'reset': np.bool_(False)})
  recorder.add(obs, intended=-1)
  nodes = expert.nodes(len(recorder) - 1)
  return recording(
    recorder.steps(),
    nodes,
    index,
    episode_id=f'{name}-{seed}',
    env_id=expert.task,
    goal=nodes[0]['text'],
    source={'kind': 'expert', 'extractor': name},
    outcome=nodes[0]['status'],
    seed=seed,
    privileged=expert.privileged,
    quality={'p_good': float(expert.p_good), 'method': 'variant'},
  )


def _said(node: dict[str, Any]) -> dict[str, Any]:
  """A node as experts write it, where '' is what was not said."""
  said = {k: v for k, v in node.items() if v != ''}
  if 'canonical' in said:
    said['canonical'] = {k: v for k, v in said['canonical'].items() if v != ''}
  return said
