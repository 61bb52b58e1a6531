"""The arms of the recipe: their data, their runs, their table."""

import collections
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from embodied.config.flags import split_flags
from ponderdream import settings
from ponderdream.lrxc import data, store
from scripts.experiments import arms, core_hour
from tests.lrxc.test_store import make_recording


def test_shuffled_plans_keep_all_but_the_texts_of_their_levels(tmp_path):
  store.write(tmp_path / 'plans', [make_recording(i) for i in range(6)])
  arms.shuffle(tmp_path / 'plans', tmp_path / 'shuffled')
  old, new = (data.Data(tmp_path / x) for x in ('plans', 'shuffled'))
  words = collections.defaultdict(list)
  moved = 0
  for i in range(6):
    for key, value in old.steps(i).items():
      np.testing.assert_array_equal(value, new.steps(i)[key])
    assert old.episode(i) == new.episode(i)
    for before, after in zip(old.nodes(i), new.nodes(i), strict=True):
      words['old', before.level].append(before.text)
      words['new', after.level].append(after.text)
      assert before.model_copy(update={'text': after.text}) == after
      assert before.level or before.text == after.text
      moved += before.text != after.text
  levels = {level for _, level in words}
  assert len(levels) > 2 and moved > 6
  for level in levels:
    assert sorted(words['old', level]) == sorted(words['new', level])


def settled(run, args):
  """The settings of a run's command."""
  command = core_hour.AGENTS['pondernet'](run, args, 0)
  assert command[1:3] == ['-m', 'ponderdream.train']
  flags = split_flags(command[3:])
  return settings.parse(flags.pop('configs'), flags, ())


def test_every_arm_is_two_runs_of_the_real_command(tmp_path):
  argv = ['--logdir', tmp_path / 'runs', '--data', tmp_path / 'plans']
  args = arms.options([str(x) for x in [*argv, '--seeds', 2, '--first', 5]])
  taught, later = arms.imitations(args), arms.reinforcements(args)
  # Whoever takes over another's imitation has none, as the one without plans.
  assert len(taught) == 2 * (len(arms.ARMS) - 2)
  assert len(later) == 2 * len(arms.ARMS)
  assert {x['seed'] for x in later} == {5, 6}
  folders = [x['folder'] for x in taught + later]
  assert len(set(folders)) == len(folders)
  for run in taught + later:
    name, config = run['label'].split()[1], settled(run, args)
    scales = config.loss_scales
    first = run in taught
    assert scales.ppo == (0 if first else 1)
    alone = name == 'nothing'
    assert run['minutes'] == (24 if alone else 12)
    assert config.init_from in ([''] if first or alone else folders)
    plans = not alone and (first or name != 'apart')
    assert bool(scales.bc) == plans == (config.data != ('replay',))
    if plans:
      source = tmp_path / 'plans'
      source = arms.shuffled(args) if name == 'shuffled' else source
      assert config.data == (str(source),)
    assert bool(scales.say) == (plans and name not in ('actions', 'goals'))
    assert config.ponder.mode == ('fixed' if name == 'fixed' else 'pondernet')
    if plans:
      assert bool(config.imitation.ask) == (name != 'actions')


def test_the_table_by_hand(tmp_path, monkeypatch):
  monkeypatch.setattr(arms, 'said', lambda folder, data: {'said_all': 0.25})
  args = arms.options(['--logdir', str(tmp_path), '--data', 'plans',
                       '--arms', 'stacks', '--seeds', '1'])  # fmt: skip
  begin = arms.named(args, 'imitation', 'stacks', 0)
  (run,) = arms.reinforcements(args)
  lines = [
    {'cpu': 6 * i, 'step': 1000 * i, 'episode/score': float(i >= 100),
     'episode/achievement_drink': 1.0}
    for i in range(1, 151)
  ]  # fmt: skip
  finished = {'seconds': 900.0}
  finished |= {'evaluated': {'return_mean': 3.0, 'crafter_score': 9.0}}
  about = {'label': run['label'], 'seed': 0, 'flags': [], 'commit': 'a'}
  for folder in (begin, run['folder']):
    write = lambda name, found, folder=folder: pathlib.Path(
      folder, name
    ).write_text(found)
    pathlib.Path(folder).mkdir()
    write('begun.json', json.dumps(about | {'load': 0.0}))
    write('finished.json', json.dumps(finished))
    write('metrics.jsonl', '{"step": 70}\n{"step": 77}\n')
    write('episodes.jsonl', '\n'.join(map(json.dumps, lines)) + '\n')
  found = arms.measured(args, run)
  assert found['updates'] == 77 and found['imitation']['return_mean'] == 3
  ((name, row),) = arms.rows({'stacks': [found]})
  assert name == 'stacks'
  # Episodes 51 to 150 are the last hundred, and 51 of them have the return 1.
  assert row == {
    'imitation': '3.00', '@10,000': '0.00', '@30,000': '0.00',
    '@100,000': '0.01', 'end': '0.51', 'steps': '150,000',
    'new episodes': '3.00', 'score': '9.0', 'said before': '0.25',
    'said after': '0.25',
  }  # fmt: skip
  arms.draw({'stacks': [found]}, 12, tmp_path / 'arms')
  assert (tmp_path / 'arms.png').stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_arms_from_plans_to_a_table(tmp_path, capsys):
  plans = tmp_path / 'plans'
  collect = '-m ponderdream.lrxc collect --expert crafter --episodes 8'
  collect += f' --length 200 --out {plans}'
  subprocess.run([sys.executable, *collect.split()], check=True)
  argv = ['--logdir', tmp_path / 'runs', '--data', plans, '--seeds', 1]
  argv += ['--arms', 'apart', 'fixed', 'actions']
  argv += ['--imitation', 2, '--reinforcement', 2.5, '--episodes', 2]
  arms.main([str(x) for x in [*argv, '--out', tmp_path / 'arms']])
  found = json.loads((tmp_path / 'arms.json').read_text())['arms']
  assert found.keys() == {'apart', 'fixed', 'actions'}
  assert all(x['updates'] > 0 for (x,) in found.values())
  assert len(found['fixed'][0]['said']) == 2
  assert 'said' not in found['actions'][0]
  assert 'apart' in capsys.readouterr().out
