"""Where Node and the packages come from, and what is said without them."""

import json
import subprocess
import sys

import pytest

from embodied import envs
from embodied.envs.battlefactory import __main__ as command
from embodied.envs.battlefactory import install, sets
from embodied.errors import UsageError
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming, says


@pytest.fixture
def bare(tmp_path, monkeypatch):
  """A user with an empty cache and without Node."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.setenv('PATH', str(tmp_path))
  monkeypatch.delenv('PONDERDREAM_NODE', raising=False)
  caches = install.node, install.data, sets.table
  for one in caches:
    one.cache_clear()
  yield tmp_path
  for one in caches:
    one.cache_clear()


def fake(path, text):
  path.write_text(f'#!/bin/sh\n{text}\n')
  path.chmod(0o755)
  return str(path)


def test_nothing_is_needed_to_import():
  code = (
    'import sys, subprocess\n'
    'subprocess.Popen = None\n'
    'import embodied.envs.battlefactory.environment as x\n'
    "assert 'jax' not in sys.modules\n"
  )
  subprocess.run([sys.executable, '-c', code], check=True)


def test_without_the_package_one_sentence_says_what_to_do(bare):
  fake(bare / 'node', 'echo v20.1.0')
  words = naming('@pkmn/sim', 'embodied.envs.battlefactory', 'setup')
  with pytest.raises(UsageError, match=words):
    envs.make_env('battlefactory_level50', 0, seed=0)
  with pytest.raises(UsageError, match=words):
    envs.warm_up('battlefactory_level50')


def test_without_node_one_sentence_says_what_to_do(bare, monkeypatch, capsys):
  monkeypatch.setattr(install.importlib.util, 'find_spec', lambda _: None)
  words = naming(18, '.[battlefactory]', 'PONDERDREAM_NODE')
  with pytest.raises(UsageError, match=words):
    install.node()
  assert command.main(['setup']) == 2
  assert says(capsys.readouterr().err, 'PONDERDREAM_NODE')


def test_node_is_taken_from_the_variable_before_the_path(bare, monkeypatch):
  own = fake(bare / 'node', 'echo v20.1.0')
  assert install.node() == own
  other = fake(bare / 'other', 'echo v18.0.0')
  monkeypatch.setenv('PONDERDREAM_NODE', other)
  install.node.cache_clear()
  assert install.node() == other
  # One that is too old, or no Node, is passed over.
  for text in ('echo v16.20.2', 'echo hello', 'exit 1'):
    fake(bare / 'other', text)
    install.node.cache_clear()
    assert install.node() == own


def test_other_files_than_expected_are_not_installed(bare, monkeypatch):
  # An npm that brings a changed script.
  fake(bare / 'node', 'echo v20.1.0')
  script = 'mkdir -p node_modules/x\necho changed > node_modules/x/index.js'
  fake(bare / 'npm', f'PATH=/bin:/usr/bin\n{script}')
  with pytest.raises(UsageError, match=naming('hash', install.DIGEST)):
    install.setup()
  assert list(install.home().iterdir()) == []
  fake(bare / 'npm', 'echo "no network" >&2\nexit 1')
  with pytest.raises(UsageError, match=naming('npm', 'network')):
    install.setup()
  assert list(install.home().iterdir()) == []


def test_the_manifests_pin_every_package():
  files = install.manifests()
  lock = json.loads(json.dumps(files['package-lock.json']))['packages']
  assert set(lock) == {'', *(f'node_modules/{x}' for x in install.PACKAGES)}
  for path, entry in lock.items():
    if path:
      assert entry['integrity'].startswith('sha512-')
      assert entry['version'] == lock['']['dependencies'][path[13:]]


def test_wrong_commands(capsys):
  for argv in ([], ['plays']):
    with pytest.raises(SystemExit) as stop:
      command.main(argv)
    assert stop.value.code == 2
    assert says(capsys.readouterr().err, 'setup')


@needs.ENGINE
def test_the_installed_files_are_those_of_this_version():
  assert install.digest(install.folder()) == install.DIGEST
  # A second setup finds them.
  assert install.setup() == install.folder()
