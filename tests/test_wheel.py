"""The wheel outside of the checkout. Run with `-m slow`: it downloads."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope='module')
def site(tmp_path_factory):
  """A folder that holds what the wheel of a clean checkout installs."""
  tmp = tmp_path_factory.mktemp('wheel')
  source = tmp / 'source'
  skip = shutil.ignore_patterns('.*', '*.egg-info', '__pycache__', 'build')
  shutil.copytree(ROOT, source, ignore=skip)
  pip = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--quiet']
  subprocess.run([*pip, '-w', tmp, source], check=True, timeout=300)
  (wheel,) = tmp.glob('ponderdream-*.whl')
  zipfile.ZipFile(wheel).extractall(tmp / 'site')
  return tmp / 'site'


@pytest.mark.slow
def test_it_trains_and_evaluates_without_the_checkout(site, tmp_path):
  env = {**os.environ, 'PYTHONPATH': str(site), 'PYTHONSAFEPATH': '1'}
  run = lambda *args: (
    subprocess.run(
      [sys.executable, *args],
      cwd=tmp_path,
      env=env,
      check=True,
      timeout=300,
      capture_output=True,
      text=True,
    ).stdout
  )
  where = 'import ponderdream.settings as s; print(s.__file__)'
  assert run('-c', where).strip().startswith(str(site))
  blocks = ('--configs', 'dummy', 'pondernet', 'debug', '--run.steps', '150')
  run('-m', 'ponderdream.train', *blocks, '--logdir', 'run')
  evaluate = ('-m', 'ponderdream.evaluate', '--logdir', 'run', '--page')
  run(*evaluate, '--episodes', '2')
  found = json.loads((tmp_path / 'run' / 'eval' / '150.json').read_text())
  assert found['episodes'] == 2
  page = tmp_path / 'run' / 'page.html'
  assert 4e6 < page.stat().st_size < 8e6  # with Plotly
