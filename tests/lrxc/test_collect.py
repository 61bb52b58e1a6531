"""The command that plays experts: what it writes, and what a kill leaves."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from embodied import envs
from embodied.experts import make_expert
from ponderdream.lrxc import audit, cli, data, play, store
from tests.naming import says

ROOT = pathlib.Path(__file__).parents[2]
SHORT = ('--expert', 'crafter', '--length', '12', '--seed', '3')


def run(*argv):
  return cli.main([str(x) for x in argv], demonstrate=lambda options: 3)


def start(folder, episodes, workers=2):
  command = [sys.executable, '-m', 'ponderdream.lrxc', 'collect', *SHORT]
  command += ['--out', folder, '--episodes', str(episodes)]
  return subprocess.Popen(
    [*command, '--workers', str(workers)], cwd=ROOT,
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
  )  # fmt: skip


def content(folder):
  """Everything that is in a data set, by episode."""
  found = data.Data(folder)
  return {
    found.episode(i).episode_id: (
      found.episode(i),
      found.nodes(i),
      {
        k: np.asarray(v).tolist()
        for k, v in found.steps(i).items()
        if k != 'image'
      },
      found.steps(i)['image'].tobytes(),
    )
    for i in range(len(found))
  }


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  """Three episodes, played without a break, by one worker."""
  folder = tmp_path_factory.mktemp('whole') / 'data'
  argv = ('--out', folder, '--episodes', 3, '--workers', 1)
  assert run('collect', *SHORT, *argv) == 0
  return folder


def test_records_what_the_expert_sees_does_and_wants(whole):
  found = data.Data(whole)
  assert list(audit.problems(whole)) == []
  names = [f'crafter-300000{i}' for i in range(3)]
  assert [x.episode_id for x in found.rows] == names
  # The same, played here.
  expert, env = make_expert('crafter'), envs.make_env(
    'crafter_reward', 0, seed=3_000_001
  )  # fmt: skip
  expert.reset(3_000_001)
  obs = env.step({'action': np.int32(0), 'reset': np.bool_(True)})
  steps, stacks = found.steps(1), []
  for t in range(12):
    np.testing.assert_array_equal(steps['image'][t], obs['image'])
    assert steps['reward'][t] == obs['reward']
    action = expert.act(env)
    assert steps['action'][t] == action
    assert steps['action_text'][t] == expert.actions[action]
    stacks.append([x.text for x in expert.stack])
    obs = env.step({'action': np.int32(action), 'reset': np.bool_(False)})
  np.testing.assert_array_equal(steps['image'][12], obs['image'])
  assert steps['action'][12] == -1 and steps['action_text'][12] is None
  assert steps['truncated'].tolist() == [False] * 12 + [True]
  # Nodes and stacks are the same thing.
  nodes = found.nodes(1)
  for t, stack in enumerate(stacks):
    there = [x for x in nodes if x.t0 <= t < x.t1]
    assert [x.text for x in sorted(there, key=lambda x: x.level)] == stack
  episode = found.episode(1)
  assert episode.n_steps == 13 and episode.seed == 3_000_001
  assert episode.goal == stacks[0][0]
  assert episode.return_ == pytest.approx(float(steps['reward'].sum()))


@pytest.mark.parametrize('name', ['crafter', 'sokoban'])
def test_noise_changes_what_is_done_and_not_what_is_intended(tmp_path, name):
  argv = ['--expert', name, '--noise', 0.4, '--length', 60, '--episodes', 2]
  assert run('collect', *argv, '--workers', 1, '--out', tmp_path) == 0
  found, expert = data.Data(tmp_path), make_expert(name)
  disturbed = []
  for number in range(2):
    steps, nodes = found.steps(number), found.nodes(number)
    leaves = {
      int(t): x.text for x in nodes for t in np.arange(x.t0, x.t1)
      if x.level == max(y.level for y in nodes if y.t0 <= t < y.t1)
    }  # fmt: skip
    for t in range(len(steps['action']) - 1):
      meant = expert.actions[steps['intended'][t]]
      assert meant == steps['action_text'][t] == leaves[t]
      inside = [x for x in nodes if x.t0 <= t < x.t1]
      leaf = max(inside, key=lambda x: x.level)
      if leaf.t1 == t + 1 < len(steps['action']) - 1:
        off = steps['intended'][t] != steps['action'][t]
        assert off == (leaf.status == 'abandoned'), (t, leaf)
    assert steps['intended'][-1] == -1
    disturbed += [*(steps['intended'] != steps['action'])[:-1]]
  # Of the random actions some are the intended ones.
  assert 0.2 < np.mean(disturbed) < 0.5


def test_variants_are_also_texts(tmp_path):
  levels = tmp_path / 'levels'
  levels.mkdir()
  (levels / 'a.txt').write_text('#####\n#@$.#\n#####\n')
  folder = tmp_path / 'data'
  argv = ('--expert', 'sokoban', '--variant', f'levels={levels}')
  argv += ('--out', folder, '--episodes', 2, '--workers', 1)
  assert run('collect', *argv) == 0
  assert list(audit.problems(folder)) == []
  found = data.Data(folder)
  assert found.episode(0).env_id == 'sokoban_boxoban'
  assert found.episode(0).outcome == 'achieved'
  assert found.steps(1)['cells'].tolist() == [
    [[6] * 5, [6, 4, 2, 1, 6], [6] * 5], [[6] * 5, [6, 0, 4, 3, 6], [6] * 5],
  ]  # fmt: skip
  assert [x.text for x in found.nodes(1)] == [
    'solve the room', 'push the box to the target', 'push it right',
    'move right',
  ]  # fmt: skip


def test_one_more_episode_changes_none(whole, tmp_path):
  """Episodes depend neither on the workers nor on what there was before."""
  folder = tmp_path / 'data'
  argv = ('--out', folder, '--workers', 1)
  two = ('--workers', 2, '--episodes', 2)
  assert run('collect', *SHORT, *argv[:2], *two) == 0
  first = {x: x.stat().st_mtime_ns for x in folder.glob('*/*.parquet')}
  assert len(first) == 6  # a shard for each worker
  assert run('collect', *SHORT, *argv, '--episodes', 3) == 0
  assert content(folder) == content(whole)
  assert all(x.stat().st_mtime_ns == t for x, t in first.items())
  # Nothing is left to do.
  assert run('collect', *SHORT, *argv, '--episodes', 3) == 0
  assert content(folder) == content(whole)


BAD = {
  'nothing to play': (['--out', 'x'], '--expert', '--policy'),
  'no folder': (['--expert', 'crafter'], '--out'),
  'another expert': (
    ['--expert', 'craft', '--out', 'x'], "'craft'", "'crafter'"
  ),
  'no episodes': (
    ['--expert', 'crafter', '--out', 'x', '--episodes', '0'], '--episodes 0'
  ),
  'a variant it lacks': (
    ['--expert', 'crafter', '--out', 'x', '--variant', 'hasty'], "'hasty'"
  ),
  'a variant of words': (
    ['--expert', 'crafter', '--out', 'x', '--variant', 'noise=b'],
    "'noise'", "'b'",
  ),
  'a number for a switch': (
    ['--expert', 'crafter', '--out', 'x', '--variant', 'disorder=1'],
    "'disorder'", 1.0,
  ),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD)
def test_bad_options_get_one_sentence(name, tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)
  argv, *words = BAD[name]
  assert run('collect', *argv) == 2
  error = capsys.readouterr().err
  assert says(error, *words) and error.count('\n') == 1, error
  assert not list(tmp_path.iterdir())


def test_a_folder_holds_one_kind_of_data(whole, tmp_path, capsys):
  argv = ['collect', *SHORT, '--out', whole, '--episodes', '3']
  assert run(*argv[:-4], '--length', 9, '--out', whole) == 2
  capsys.readouterr()
  assert run('collect', '--expert', 'crafter', '--out', whole) == 2
  error = capsys.readouterr().err
  assert says(error, whole, 'seed', 3, 0) and error.count('\n') == 1
  store.write(tmp_path, [])
  (tmp_path / 'episodes' / 'a.parquet').write_bytes(b'')
  assert run('collect', *SHORT, '--out', tmp_path) == 2
  assert says(capsys.readouterr().err, tmp_path, 'collected')


def committed(folder):
  return len(list(folder.glob('episodes/[!.]*.parquet')))


def wait_for(folder, shards, process):
  end = time.monotonic() + 120
  while committed(folder) < shards:
    assert process.poll() is None and time.monotonic() < end
    time.sleep(0.02)


def test_a_killed_command_loses_and_repeats_nothing(whole, tmp_path):
  folder = tmp_path / 'data'
  process = start(folder, 2000, workers=1)
  wait_for(folder, 1, process)
  with start(folder, 2000) as second:
    said, _ = second.communicate()
  assert second.returncode == 2
  assert says(said, folder, process.pid) and said.count('\n') == 1
  process.kill()
  process.communicate()
  there = {x.episode_id for x in data.Data(folder).rows}
  assert list(audit.problems(folder)) == []
  want = len(there) + 1
  argv = ('--out', folder, '--episodes', want, '--workers', 1)
  assert run('collect', *SHORT, *argv) == 0
  found = content(folder)
  names = [x.episode_id for x in data.Data(folder).rows]
  assert sorted(names) == [f'crafter-{3_000_000 + i}' for i in range(want)]
  assert there <= set(names) and list(audit.problems(folder)) == []
  assert {k: found[k] for k in content(whole)} == content(whole)
  assert not list(folder.glob('*/.*'))


@pytest.mark.slow
def test_ctrl_c_ends_it_in_order(tmp_path):
  folder = tmp_path / 'data'
  process = start(folder, 2000)
  wait_for(folder, 1, process)
  process.send_signal(signal.SIGINT)
  said, _ = process.communicate(timeout=60)
  assert process.returncode == 0, said
  assert says(said, 'Stopped', 2000, 'goes on'), said
  assert 'Traceback' not in said
  assert not list(folder.glob('*/.*'))
  assert list(audit.problems(folder)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_random_moments(tmp_path):
  rng, folder = random.Random(0), tmp_path / 'data'
  kills, before = int(os.environ.get('KILLS', 20)), set()
  for kill in range(kills):
    process = start(folder, 10_000)
    if rng.random() < 0.8:
      wait_for(folder, committed(folder) + 1, process)
    time.sleep(rng.uniform(0, 3))
    process.kill()
    process.communicate()
    if not committed(folder):
      continue
    names = [x.episode_id for x in data.Data(folder).rows]
    assert len(names) == len(set(names)) and before <= set(names)
    assert list(audit.problems(folder)) == []
    before = set(names)
    print(f'kill {kill}: {len(names)} episodes')
  assert len(before) > kills


def test_a_plan_that_is_not_valid_is_said(tmp_path):
  class Confused:
    task, actions, privileged, p_good = 'dummy_disc', ['a'], False, 0.5
    intended = 0

    def reset(self, seed):
      self.stack = [type('Goal', (), {'text': 'go'})]

    def act(self, env):
      return 0

    def nodes(self, length):
      node = {'node_id': 0, 'parent_id': None, 'level': 0, 'text': 'win',
              't0': 0, 't1': 99, 'why': '', 'status': 'ongoing',
              'canonical': {'verb': 'win', 'object': '', 'count': 1},
              'source': 'scripted'}  # fmt: skip
      return [node]

  env = envs.make_env('dummy_disc', 0, seed=0)
  made = play.play(Confused(), env, 'confused', 9, 4, 5)
  assert made.episode.split == 'valid' and made.nodes[0].why is None
  assert made.nodes[0].canonical.object is None
  with pytest.raises(ValueError, match="'confused-4', node 0.*99"):
    store.write(tmp_path, [made])


def test_settings_are_kept_beside_the_data(whole):
  found = json.loads((whole / 'collect.json').read_text())
  assert found == {
    'expert': 'crafter', 'variant': {}, 'seed': 3, 'length': 12,
  }  # fmt: skip
