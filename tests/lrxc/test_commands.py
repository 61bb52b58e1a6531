"""The command line: what it takes, says, and makes of files."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from ponderdream.lrxc import cli, data, store
from tests.lrxc.test_store import make_recording, same, words
from tests.naming import says

ROOT = pathlib.Path(__file__).parents[2]


def run(*argv):
  return cli.main([str(x) for x in argv], demonstrate=lambda options: 3)


def test_plans_go_through_hands_and_come_back(tmp_path, capsys):
  given = [make_recording(0), words(0), make_recording(1, 40)]
  old, file, new = tmp_path / 'old', tmp_path / 'a.jsonl', tmp_path / 'new'
  store.write(old, given)
  assert run('export', old, file) == 0
  assert run('validate', file) == 0
  assert says(capsys.readouterr().out, file, 3, 'valid')
  text = file.read_text()
  assert text.count('make a table') == 1
  file.write_text(text.replace('make a table', 'build a house'))
  assert run('import', file, new, '--steps', old) == 0
  found = data.Data(new)
  for number, (episode, nodes, steps) in enumerate(given):
    assert found.episode(number) == episode
    if steps:
      same(found.steps(number), steps)
    for mine, theirs in zip(found.nodes(number), nodes, strict=True):
      assert mine.text == theirs.text.replace('make a table', 'build a house')
      assert mine.t0 == theirs.t0 and mine.parent_id == theirs.parent_id
  assert run('validate', new) == 0
  assert says(capsys.readouterr().out, new, 3, 52, 'valid')


def test_flat_intents_become_a_data_set(tmp_path):
  file = tmp_path / 'a.json'
  video = {'video': 'v', 'spans': [[0, 5]], 'texts': ['look around']}
  file.write_text(json.dumps([video, video | {'video': 'w'}]))
  assert run('import', file, tmp_path / 'new') == 0
  found = data.Data(tmp_path / 'new')
  assert [x.episode_id for x in found.rows] == ['v', 'w']
  assert [x.text for x in found.nodes(1)] == ['look around']


def test_mistakes_are_said_in_one_sentence(tmp_path, capsys):
  old, file = tmp_path / 'old', tmp_path / 'a.jsonl'
  store.write(old, [make_recording(0)])
  run('export', old, file)
  (tmp_path / 'a.txt').write_text('x')
  new = tmp_path / 'new'
  cases = [
    (['import', file, new], ["'crafter-0'", 12, '--steps']),
    (['import', file, old], [old, 'already']),
    (['import', tmp_path / 'a.txt', new], ['a.txt', '.jsonl']),
    (['import', tmp_path / 'b.jsonl', new], ['b.jsonl']),
    (['validate', tmp_path / 'a.txt'], ['a.txt', '.json']),
    (['validate', tmp_path / 'nothing'], ['nothing', 'LRXC']),
    (['validate'], ['validate', 1, 0, 'PATH']),
    (['validate', old, new], ['validate', 1, 2]),
    (['valdate', old], ["'valdate'", "'validate'"]),
    (['validate', old, '--all'], ['--all']),
  ]
  capsys.readouterr()
  for argv, said in cases:
    assert run(*argv) == 2, argv
    error = capsys.readouterr().err
    assert says(error, *said) and error.count('\n') == 1, error
  assert not new.exists() or not list(new.glob('episodes/*'))


def test_validate_says_everything_that_is_wrong(tmp_path, capsys):
  store.write(tmp_path, [make_recording(i) for i in range(3)], 'a')
  store.write(tmp_path, [make_recording(i) for i in range(2, 4)], 'b')
  path = tmp_path / 'steps' / 'a-00000.parquet'
  path.write_bytes((tmp_path / 'steps' / 'b-00000.parquet').read_bytes())
  assert run('validate', tmp_path) == 1
  out = capsys.readouterr().out
  assert says(out, path, 24, 36) and says(out, 2, 'problems')
  assert says(out, "'crafter-2'", 'twice')


def test_help_names_every_command(capsys):
  assert run('--help') == 0
  assert run() == 0
  shown = capsys.readouterr().out
  for name, command in cli.COMMANDS.items():
    assert re.search(rf'^  {name} ', shown, re.MULTILINE), name
    for option in command.options:
      assert name == 'collect' or f'--{option}' in shown
  for option in cli.COMMANDS['collect'].options:
    assert f'--{option}' in shown


def test_the_real_command(tmp_path):
  store.write(tmp_path, [make_recording(0)])
  command = [sys.executable, '-m', 'ponderdream.lrxc', 'validate']
  done = subprocess.run(
    [*command, tmp_path], cwd=ROOT, capture_output=True, text=True
  )
  assert done.returncode == 0 and says(done.stdout, 1, 12, 'valid')
  done = subprocess.run(
    [*command, 'x'], cwd=ROOT, capture_output=True, text=True
  )
  assert done.returncode == 2 and done.stderr.startswith('Error: x is no')


def test_nothing_here_loads_jax():
  modules = sorted((ROOT / 'ponderdream' / 'lrxc').glob('[!_]*.py'))
  names = [f'ponderdream.lrxc.{x.stem}' for x in modules]
  code = (
    f'import sys, {", ".join(names)}, ponderdream.lrxc.__main__;'
    'assert not {"jax", "flax", "minari", "openai"} & set(sys.modules)'
  )
  subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


def readme():
  """The commands of the page, and the lines of JSON."""
  text = (ROOT / 'ponderdream' / 'lrxc' / 'README.md').read_text()
  commands = re.findall(r'python -m ponderdream.lrxc (.*)', text)
  return commands, re.findall(r'^    (\{"(?:.|\n)*?\}\})$', text, re.M)


@pytest.mark.parametrize('command', readme()[0])
def test_the_commands_of_the_readme_are_taken(command):
  name, options = cli.parse(command.split())
  assert name in cli.COMMANDS and options.flat


def test_the_example_of_the_readme_is_valid(tmp_path):
  from ponderdream.lrxc import jsonl

  episode, node = readme()[1]
  episode = json.loads(episode.replace(', ...', ''))
  node = json.loads(node)
  root = node['node'] | {
    'node_id': 0, 'parent_id': None, 'level': 0, 't1': 237,
  }  # fmt: skip
  lines = [json.dumps(x) for x in (episode, {'node': root}, node)]
  ((_, nodes),) = jsonl.parse(enumerate(lines, 1), 'README')
  assert nodes[1].text == 'collect 5 wood'
