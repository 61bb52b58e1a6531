"""How fast Crafter is: the package's own against ours.

    python scripts/bench_env.py

Plays with a random policy, resets included, and counts steps per second: the
`crafter` package with numba, the same as pip installs it (without numba), our
game, and our environment as a run has it, with its wrappers. Each has a
process of its own; they take turns, and `ratio` is the median over the rounds
of the steps per CPU second against the package's with numba in the same round
(`ratio_wall`: per second of the clock). Then several of them in the driver's
processes, where our time goes, and what a copy costs.

One JSON line per case, also in scripts/results/env.jsonl. Run it on a quiet
machine.
"""

import argparse
import contextlib
import copy
import functools
import multiprocessing
import pickle
import sys
import time

import jsonl
import numpy as np

CASES = ('package', 'package_without_numba', 'ours', 'ours_in_a_run')
SEED = 0


def main(argv):
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--rounds', type=jsonl.count, default=7)
  parser.add_argument('--steps', type=jsonl.count, default=600)
  parser.add_argument('--workers', type=jsonl.count, nargs='+', default=[1, 2])
  args = parser.parse_args(argv)
  lines = jsonl.Lines('env')
  per_core(lines, args.rounds, args.steps)
  over_workers(lines, args.workers, args.rounds, args.steps)
  for line in (where(10 * args.steps), copies()):
    lines.add(line)


def per_core(lines, rounds, steps):
  """The cases in turns, one core each."""
  with contextlib.ExitStack() as stack:
    pipes = {x: stack.enter_context(player(x)) for x in CASES}
    spent = {x: [] for x in CASES}
    for number in range(rounds + 1):
      for case, pipe in pipes.items():
        # The slow one plays less; it still meets several resets.
        amount = steps // 4 if case == 'package_without_numba' else steps
        pipe.send(amount)
        cpu, wall = pipe.recv()
        if number:  # the first round is for compiling
          spent[case].append((amount / cpu, amount / wall))
  for case, speeds in spent.items():
    pairs = list(zip(speeds, spent['package'], strict=True))
    lines.add(
      {
        'bench': 'env',
        'case': case,
        'steps_per_cpu_second': jsonl.median([x for x, _ in speeds]),
        'steps_per_second': jsonl.median([x for _, x in speeds]),
        'ratio': jsonl.median([a[0] / b[0] for a, b in pairs]),
        'ratio_wall': jsonl.median([a[1] / b[1] for a, b in pairs]),
        'rounds': rounds,
        'steps': steps,
        **jsonl.machine(),
      }
    )


@contextlib.contextmanager
def player(case):
  """A process that plays as many steps as it is sent."""
  context = multiprocessing.get_context('spawn')
  pipe, child = context.Pipe()
  process = context.Process(target=serve, args=(case, child), daemon=True)
  process.start()
  child.close()
  yield pipe
  pipe.close()
  process.join()


def serve(case, pipe):
  """Body of the process."""
  if case == 'package_without_numba':
    sys.modules['numba'] = None  # importing it fails, as if it were not there
  play = (play_run if case == 'ours_in_a_run' else play_game)(case)
  with contextlib.suppress(EOFError):
    while True:
      pipe.send(jsonl.timed(play, pipe.recv()))


def play_game(case):
  """Plays a game with the package's interface."""
  if case == 'ours':
    from embodied.envs.fast_crafter import game

    env = game.Game(True, 10000, SEED)
  else:
    import crafter

    env = crafter.Env(seed=SEED)
  return play_of(env)


def play_run(case):
  """Plays the environment that a run makes."""
  from embodied import envs

  env = envs.make_env('crafter_reward', 0, seed=SEED)
  rng = np.random.RandomState(SEED)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})

  def play(steps):
    nonlocal obs
    for _ in range(steps):
      action = np.int32(rng.randint(17))
      obs = env.step({'action': action, 'reset': obs['is_last']})

  return play


class Package:
  """The package's game with our interface, as thin as can be."""

  def __init__(self, index):
    import crafter

    self.env = crafter.Env(seed=SEED + index)
    self.done = True

  @property
  def obs_space(self):
    from embodied import SIGNALS, Space

    return {'image': Space(np.uint8, (64, 64, 3)), **SIGNALS}

  @property
  def act_space(self):
    from embodied.space import Space

    return {'action': Space(np.int32, (), 0, 17), 'reset': Space(bool)}

  def step(self, action):
    if action['reset'] or self.done:
      image, reward, self.done, first = self.env.reset(), 0.0, False, True
    else:
      image, reward, self.done, _ = self.env.step(int(action['action']))
      first = False
    return {
      'image': image,
      'reward': reward,
      'is_first': first,
      'is_last': self.done,
      'is_terminal': self.done,
    }

  def prepare(self):
    pass

  def close(self):
    pass


def over_workers(lines, numbers, rounds, steps):
  """Processes of the driver; what counts is the clock."""
  from embodied import envs

  envs.warm_up('crafter_reward')
  ours = functools.partial(envs.make_env, 'crafter_reward', seed=SEED)
  for number in numbers:
    speeds = {'package': [], 'ours': []}
    with contextlib.ExitStack() as stack:
      drivers = {
        'package': stack.enter_context(driving(Package, number)),
        'ours': stack.enter_context(driving(ours, number)),
      }
      for _ in range(rounds):
        for case, (driver, policy) in drivers.items():
          _, wall = jsonl.timed(driver, policy, number * steps // 2)
          speeds[case].append(number * steps // 2 / wall)
    pairs = zip(speeds['ours'], speeds['package'], strict=True)
    ratio = jsonl.median([a / b for a, b in pairs])
    for case, speed in speeds.items():
      lines.add(
        {
          'bench': 'env_workers',
          'case': case,
          'workers': number,
          'steps_per_second': jsonl.median(speed),
          'ratio_wall': ratio if case == 'ours' else 1.0,
          **jsonl.machine(),
        }
      )


@contextlib.contextmanager
def driving(make, number):
  """A driver that was stepped, and a random policy for it."""
  from embodied.driver import Driver

  rng = np.random.RandomState(SEED)

  def policy(carry, obs):
    return carry, {'action': rng.randint(0, 17, number, np.int32)}, {}

  driver = Driver([functools.partial(make, index=i) for i in range(number)])
  driver(policy, 10 * number)
  try:
    yield driver, policy
  finally:
    driver.close()


def where(steps):
  """Shares of our game's time by part."""
  from embodied.envs.fast_crafter import game

  env = game.Game(True, 10000, SEED)
  play = play_of(env)
  play(600)  # a day and a night: nothing is compiled after that
  parts = {
    '_update_objects': 'rules',
    '_balance': 'balance',
    'render': 'render',
    'prepare': 'worlds',
  }
  spent = dict.fromkeys(parts, 0.0)

  def watched(name):
    function = getattr(env, name)

    def call():
      begin = time.process_time()
      result = function()
      spent[name] += time.process_time() - begin
      return result

    return call

  for name in parts:
    setattr(env, name, watched(name))
  cpu, _ = jsonl.timed(play, steps)
  shares = {parts[k]: v / cpu for k, v in spent.items()}
  return {
    'bench': 'env_where',
    'microseconds_per_step': 1e6 * cpu / steps,
    **{f'share_{k}': v for k, v in shares.items()},
    'share_rest': 1 - sum(shares.values()),
  }


def play_of(env):
  rng = np.random.RandomState(SEED)
  env.reset()

  def play(steps):
    for _ in range(steps):
      if env.step(rng.randint(17))[2]:
        env.reset()

  return play


def copies(rounds=50):
  """Milliseconds of CPU per copy, and bytes of a pickle."""
  from embodied import envs

  env = envs.make_env('crafter_reward', 0, seed=SEED)
  for action in [0] * 50:
    env.step({'action': np.int32(action), 'reset': np.False_})
  data = pickle.dumps(env)
  each = lambda f: (
    1e3 * jsonl.median([jsonl.timed(f)[0] for _ in range(rounds)])
  )
  return {
    'bench': 'env_copy',
    'deepcopy_ms': each(lambda: copy.deepcopy(env)),
    'pickle_ms': each(lambda: pickle.dumps(env)),
    'unpickle_ms': each(lambda: pickle.loads(data)),
    'pickle_bytes': len(data),
  }


if __name__ == '__main__':
  main(sys.argv[1:])
