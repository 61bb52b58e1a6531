"""What errors propose."""

import shlex
import subprocess
import sys

import pytest

from embodied import errors


@pytest.mark.parametrize(
  'what, arguments',
  [('foo', ['foo']), ('[page]', ['-e', '.[page]']), ('a[b]', ['a[b]'])],
)
def test_a_command_that_installs_is_for_this_python(what, arguments):
  python, *words = shlex.split(errors.install(what))
  assert words == ['-m', 'pip', 'install', *arguments]
  code = 'import sys; print(sys.executable)'
  done = subprocess.run([python, '-c', code], capture_output=True, text=True)
  assert done.stdout.strip() == sys.executable


def test_it_is_short_where_the_environment_is_below(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  python = tmp_path / '.venv' / 'bin' / 'python'
  monkeypatch.setattr(sys, 'executable', str(python))
  assert errors.install('x') == '.venv/bin/python -m pip install x'
