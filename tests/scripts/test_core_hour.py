"""The benchmark by the core-hour, without the peers: they are an extra."""

import importlib.util
import json
import pathlib
import sys
import threading

import numpy as np
import pytest

from embodied.errors import UsageError
from scripts import budget, results
from scripts.experiments import core_hour, hours

ROOT = pathlib.Path(__file__).parents[2]
# Trains as agents do, a line per episode, until SIGTERM; or evaluates.
AGENT = """
import json, pathlib, signal, sys, time
folder, seed, episodes = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
if episodes:
  (folder / 'eval').mkdir(exist_ok=True)
  found = {'return_mean': 4.0 + seed, 'crafter_score': 9.0}
  (folder / 'eval' / '7.json').write_text(json.dumps(found))
  sys.exit()
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
file = (folder / 'scores.jsonl').open('a')
for step in range(1, 10**9):
  end = time.process_time() + 0.02
  while time.process_time() < end:
    pass
  line = {'step': 1000 * step, 'episode/score': 2.0}
  line['episode/achievement_a'] = 1.0
  print(json.dumps(line), file=file, flush=True)
"""


def stat(name, session, *ticks):
  """A line of /proc/<pid>/stat, with utime, stime, cutime, cstime."""
  times = ' '.join(map(str, ticks))
  return f'5 ({name}) S 1 5 {session} 0 -1 4194560 9 9 9 9 {times} 20 0 1 0\n'


def test_processor_time_is_that_of_the_whole_session(monkeypatch):
  monkeypatch.setattr(budget, 'TICKS', 100)
  found = [
    stat('python', 70, 100, 50, 25, 25),
    stat('a) R (7 8', 70, 10, 20, 0, 70),  # a name that looks like fields
    stat('other', 71, 1000, 1000, 1000, 1000),
  ]
  # (100 + 50 + 25 + 25 + 10 + 20 + 0 + 70) / 100
  assert budget.spent(found, 70) == 3.0
  assert budget.spent([], 70) == 0.0


def test_children_use_up_the_budget_and_the_parent_is_told(tmp_path):
  program = (
    'import signal, subprocess, sys\n'
    'signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("saved")))\n'
    'child = subprocess.Popen([sys.executable, "-c", "while True: pass"])\n'
    'try: signal.pause()\n'
    'finally: child.kill()\n'
  )
  seen = []
  used = budget.run(
    [sys.executable, '-c', program], tmp_path / 'log', 1.0, seen.append
  )
  # The parent alone would wait for ever; a look comes every half second, and
  # a child has one thread.
  assert 1.0 <= used < 2.0 and seen[-1] == used and seen == sorted(seen)
  assert (tmp_path / 'log').read_text() == 'saved\n'


def test_a_command_ends_when_asked_or_by_itself(tmp_path):
  sleep = [sys.executable, '-c', 'import time; time.sleep(60)']
  log = tmp_path / 'log'
  assert budget.run(sleep, log, watch=lambda used: True) < 10
  assert budget.run([sys.executable, '-c', 'pass'], log) < 10
  wrong = [sys.executable, '-c', 'raise SystemExit("no such thing")']
  with pytest.raises(RuntimeError, match='exit code 1: no such thing'):
    budget.run(wrong, log)


def episodes():
  """101 episodes with returns 0 to 100; one every 6 s and 1000 steps. The
  first achievement is always unlocked, the second never."""
  index = np.arange(101)
  unlocked = np.stack([np.ones(101), np.zeros(101)], 1)
  found = {'cpu': 6.0 * (index + 1), 'step': 1000 * (index + 1)}
  return found | {'score': 1.0 * index, 'unlocked': unlocked}


def test_how_things_stand_after_some_episodes():
  # Two achievements of 100% and 0%: exp((ln 101 + ln 1) / 2) - 1
  # = sqrt(101) - 1 = 9.0499. Returns: (1 + ... + 100) / 100 = 50.5.
  assert hours.after(episodes(), 101) == {
    'episodes': 101, 'minutes': 10.1, 'steps': 101000, 'return': 50.5,
    'score': 9.05,
  }  # fmt: skip
  # Fewer than a hundred: (0 + 1 + 2 + 3) / 4.
  assert hours.after(episodes(), 4)['return'] == 1.5
  nothing = hours.after(episodes(), 0)
  assert nothing.pop('episodes') == 0 and set(nothing.values()) == {None}
  silent = episodes() | {'unlocked': np.zeros((101, 0))}
  assert hours.after(silent, 4)['score'] is None


def test_budgets_end_with_the_last_episode_in_them():
  # 5 minutes are 300 s, at which the 50th episode is over: returns 0 to 49.
  five = hours.at_minutes(episodes(), 5)
  assert (five['episodes'], five['steps']) == (50, 50000)
  assert five['return'] == 24.5
  assert hours.at_minutes(episodes(), 4.99)['episodes'] == 49
  assert hours.at_minutes(episodes(), 0.09)['return'] is None
  ten = hours.at_steps(episodes(), 10_500)
  assert (ten['episodes'], ten['minutes'], ten['return']) == (10, 1.0, 4.5)
  assert hours.at_steps(episodes(), 101_000)['episodes'] == 101
  assert hours.at_steps(episodes(), 101_001) is None


def test_score_counts_all_episodes_so_far():
  found = episodes() | {'unlocked': np.eye(101, 2)}
  # Each of the two in one of four: both 25%, so the mean is 25%, too.
  assert hours.after(found, 4)['score'] == 25.0


def test_episodes_are_read_up_to_the_budget(tmp_path):
  path = tmp_path / 'episodes.jsonl'
  line = {'episode/score': 1.5, 'episode/achievement_b': 1.0}
  line |= {'episode/achievement_a': 0.0, 'episode/length': 7}
  lines = [{'cpu': 9.5 + i, 'step': 100 * i, **line} for i in range(3)]
  path.write_text('\n'.join(map(json.dumps, lines)) + '\n')
  found = hours.episodes(path, 10.5)
  np.testing.assert_array_equal(found['cpu'], [9.5, 10.5])
  np.testing.assert_array_equal(found['step'], [0, 100])
  np.testing.assert_array_equal(found['unlocked'], [[0, 1], [0, 1]])
  path.write_text('')
  assert hours.episodes(path, 10.5)['unlocked'].shape == (0, 0)


def test_a_run_that_ended_early_says_nothing_of_later(tmp_path):
  write = lambda name, what: (tmp_path / name).write_text(json.dumps(what))
  about = ('label', 'seed', 'flags', 'commit', 'load')
  write('begun.json', dict.fromkeys(about))
  write('finished.json', {'seconds': 400.4, 'evaluated': {}})
  write('episodes.jsonl', {'cpu': 9.0, 'step': 10, 'episode/score': 1.5})
  run = {'minutes': 60.0, 'folder': tmp_path}
  found = hours.summary(run)
  assert list(found['minutes']) == ['5', '15', '30', '60']
  # 400 seconds are less than 15 minutes.
  assert found['minutes']['5']['return'] == 1.5
  assert found['minutes']['15'] is found['minutes']['60'] is None
  assert found['core_seconds'] == 400


def test_means_over_seeds_and_what_is_missing():
  assert hours.cell([1.0, 3.0], 2) == '2.00 (1.00 3.00)'
  assert hours.cell([12345.6], 0) == '12,346'
  assert hours.cell([1.0, None], 2) == '-'


def test_runs_of_other_lengths_share_a_table():
  state = lambda x: dict.fromkeys(('return', 'score', 'steps', 'minutes'), x)
  run = lambda label, at: {
    'label': label, 'minutes': {x: state(2.0) for x in at},
    'steps': {'10000': state(3.0)},
    'evaluated': {'return_mean': 4.0, 'crafter_score': 5.0},
  }  # fmt: skip
  rows = list(hours.rows([run('a', ['5', '15']), run('b', ['5', '60'])]))
  assert rows[0][2:] == [
    '5 min', '15 min', '60 min', '10,000 steps', 'new episodes'
  ]  # fmt: skip
  assert rows[1] == ['a', 'return', '2.00', '2.00', '-', '3.00', '4.00']
  assert rows[4] == ['b', 'return', '2.00', '-', '2.00', '3.00', '4.00']


def arguments(tmp_path, *more):
  args = ['--logdir', tmp_path / 'runs', '--out', tmp_path / 'out', *more]
  return [str(x) for x in args]


def options(tmp_path, *more):
  return core_hour.options(arguments(tmp_path, *more))


def test_flags_reach_our_agents_in_order(tmp_path):
  more = ['--agents', 'pondernet --run.envs 16', '--seeds', '1']
  args = options(tmp_path, *more, '--flags', '--batch.size 4')
  (run,) = core_hour.plan(args)
  assert pathlib.Path(run['folder']).name == 'pondernet-run.envs-16-0'
  command = core_hour.AGENTS['pondernet'](run, args, 0)
  assert command[1:] == [
    '-m', 'ponderdream.train', '--configs', 'crafter', 'pondernet',
    '--seed', '0', '--jax.platform', 'cpu', '--run.steps', '1e9',
    '--run.envs', '16', '--batch.size', '4', '--logdir', run['folder'],
  ]  # fmt: skip
  command = core_hour.AGENTS['pondernet'](run, args, 50)
  assert command[1:] == [
    '-m', 'ponderdream.evaluate', '--logdir', run['folder'],
    '--episodes', '50',
  ]  # fmt: skip


def test_runs_are_added_to_those_of_before(tmp_path):
  run = lambda label, seed, value: {
    'label': label, 'seed': seed, 'return': value,
  }  # fmt: skip
  out = tmp_path / 'out'
  first = [run('ppo', 0, 1), run('plain', 0, 2)]
  assert core_hour.added(out, first) == first
  results.write(out, {'runs': first})
  found = core_hour.added(out, [run('ppo', 1, 3), run('plain', 0, 4)])
  assert found == [run('ppo', 0, 1), run('plain', 0, 4), run('ppo', 1, 3)]


@pytest.mark.parametrize(
  'agent, sentence',
  [
    ('pander', 'pander.*plain, pondernet'),
    ('dreamerv3', '--dreamerv3 CHECKOUT'),
    ('ppo', r"pip install -e '\.\[peers\]'"),
  ],
)
def test_agents_that_cannot_run(tmp_path, monkeypatch, agent, sentence):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(UsageError, match=sentence):
    core_hour.plan(options(tmp_path, '--agents', agent))


@pytest.fixture(name='fake')
def _fake(tmp_path, monkeypatch):
  """Two agents, one of which fails, instead of the real ones."""
  program = tmp_path / 'agent.py'
  program.write_text(AGENT)
  fake = lambda run, args, episodes: [
    sys.executable, program, run['folder'], str(run['seed']), str(episodes),
  ]  # fmt: skip
  wrong = lambda *_: [sys.executable, '-c', 'raise SystemExit("no luck")']
  monkeypatch.setattr(core_hour, 'AGENTS', {'fake': fake, 'wrong': wrong})
  return core_hour


def test_all_the_way_and_resumed(fake, tmp_path, capsys):
  more = ['--seeds', 2, '--first', 10, '--agents', 'fake', '--minutes']
  call = lambda minutes: fake.main(arguments(tmp_path, *more, minutes))
  call(0.03)
  assert '| fake | return | 2.00 (2.00 2.00) |' in capsys.readouterr().out
  found = json.loads((tmp_path / 'out.json').read_text())
  assert [x['seed'] for x in found['runs']] == [10, 11]
  assert [x['evaluated']['return_mean'] for x in found['runs']] == [14.0, 15.0]
  one = found['runs'][0]
  # 1.8 s, a look every half second, and some time to start.
  assert 1.8 <= one['core_seconds'] <= 3
  assert 10 <= one['minutes']['0.03']['episodes'] <= 90
  assert one['minutes']['0.03']['score'] == 100
  assert one['steps']['10000']['steps'] == 10000
  assert one['steps']['300000'] is None
  assert (tmp_path / 'out.png').stat().st_size > 10000
  # What is finished is not done again, and nothing is mixed up.
  path = tmp_path / 'runs' / 'fake-11' / 'finished.json'
  before = path.stat().st_mtime_ns
  call(0.03)
  assert path.stat().st_mtime_ns == before
  with pytest.raises(UsageError, match='minutes 0.03'):
    call(0.02)
  with pytest.raises(UsageError, match='episodes 50, not 3'):
    fake.main(arguments(tmp_path, *more, 0.03, '--episodes', 3))


def test_a_run_that_is_stopped_goes_on(fake, tmp_path):
  more = ['--seeds', 1, '--minutes', 0.05, '--agents', 'fake']
  args = options(tmp_path, *more)
  (run,) = fake.plan(args)
  assert fake.prepare(run)
  folder = pathlib.Path(run['folder'])
  read = lambda name: results.read_lines(folder / name)
  # Asked to stop once there is an episode; then not any more.
  stop, go_on = threading.Event(), threading.Event()
  stop.is_set = lambda: bool(read('episodes.jsonl'))
  part = fake.train(run, args, stop)
  assert 0 < part < 3 and fake.prepare(run)
  used = fake.train(run, args, go_on)
  assert 3 <= used < 4.5 and fake.train(run, args, go_on) == used
  told, scores = read('episodes.jsonl'), read('scores.jsonl')
  cpu = [x.pop('cpu') for x in told]
  assert cpu == sorted(cpu) and cpu[0] == part < cpu[-1] <= used
  # Each line once, but for those that came after the last look.
  assert told == scores[: len(told)]
  # The agent counts its steps anew.
  steps = hours.episodes(folder / 'episodes.jsonl', 60)['step']
  assert (np.diff(steps) >= 0).all()


def test_a_run_that_fails_leaves_the_others(fake, tmp_path, capsys):
  more = ['--seeds', 1, '--minutes', 0.02, '--agents', 'wrong', 'fake']
  with pytest.raises(SystemExit, match='1'):
    fake.main(arguments(tmp_path, *more))
  said = capsys.readouterr()
  assert 'no luck' in said.err and '| fake | return |' in said.out


def test_a_folder_of_something_else_is_left_alone(fake, tmp_path):
  (tmp_path / 'runs' / 'fake-0').mkdir(parents=True)
  (tmp_path / 'runs' / 'fake-0' / 'mine').touch()
  more = ['--seeds', 1, '--minutes', 0.02, '--agents', 'fake']
  with pytest.raises(UsageError, match='fake-0'):
    fake.main(arguments(tmp_path, *more))
  assert (tmp_path / 'runs' / 'fake-0' / 'mine').exists()


def test_the_product_knows_no_peers():
  for folder in ('ponderdream', 'embodied'):
    for path in (ROOT / folder).rglob('*.py'):
      text = path.read_text()
      assert 'stable_baselines3' not in text and 'import torch' not in text


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_real_commands_for_a_moment(tmp_path):
  debug = 'pondernet --configs crafter pondernet debug'
  agents = [f'{debug} --env.crafter.length 20']
  if importlib.util.find_spec('stable_baselines3'):
    agents.append('ppo')
  more = ['--seeds', 1, '--minutes', 1.5, '--episodes', 2, '--agents']
  core_hour.main(arguments(tmp_path, *more, *agents))
  found = json.loads((tmp_path / 'out.json').read_text())
  for run in found['runs']:
    assert run['minutes']['1.5']['episodes'] > 1
    assert run['evaluated']['episodes'] == 2
