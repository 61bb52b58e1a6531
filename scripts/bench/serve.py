"""Requests from a benchmark to the processes that it times, in turns."""

import json
import os
import subprocess
import sys

from scripts import results

MARK = '@@'  # begins a line that is an answer


class Child:
  """A process that serves; a call sends a request and waits for the answer.

  Args:
    python: the interpreter.
    module: what it runs, such as 'scripts.bench.peer'.
    args: of the module.
  """

  def __init__(self, python, module, *args):
    path = [str(results.ROOT), os.environ.get('PYTHONPATH', '')]
    self.process = subprocess.Popen(
      [python, '-m', module, *map(str, args)],
      cwd=results.ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      env=os.environ | {'PYTHONPATH': os.pathsep.join(filter(None, path))},
      text=True,
    )

  def __call__(self, name, *args):
    self.process.stdin.write(json.dumps([name, *args]) + '\n')
    self.process.stdin.flush()
    for line in self.process.stdout:
      if line.startswith(MARK):
        return json.loads(line[len(MARK) :])
    raise RuntimeError(f'The process ended during the request {name}.')

  def close(self):
    self.process.stdin.close()
    self.process.stdout.close()
    self.process.wait()


def serve(requests):
  """Answers lines of `[name, *args]` by `requests[name](*args)`."""
  for line in sys.stdin:
    name, *args = json.loads(line)
    print(MARK + json.dumps(requests[name](*args)), flush=True)
