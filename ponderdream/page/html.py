"""The file of a page: its texts, programs and data in one piece."""

import base64
import functools
import hashlib
import importlib.util
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from embodied.errors import UsageError, install

# In the order in which they are put together.
SCRIPTS = (
  'base', 'curves', 'plots', 'charts', 'reached', 'thought', 'settings',
  'table', 'player', 'timeline', 'live', 'main',
)  # fmt: skip
# `connect` is where a page that is served asks for new data.
POLICY = (
  "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline';"
  ' img-src data: blob:; media-src blob:; connect-src {connect};'
  " base-uri 'none'; form-action 'none'"
)


def render(
  data: Mapping[str, Any], live: Mapping[str, Any] | None = None
) -> str:
  """The HTML of a page.

  Args:
    data: of `ponderdream.page.data.page`.
    live: where a served page asks for new data, and how often.
  """
  programs = [program(), plotly()]
  hashes = ' '.join(f"'sha256-{digest(x)}'" for x in programs)
  policy = POLICY.format(hashes=hashes, connect="'self'" if live else "'none'")
  parts = {
    'policy': policy,
    'style': part('page.css'),
    'data': embedded({'live': live, **data}),
    'program': programs[0],
    'plotly': programs[1],
  }
  text = part('page.html')
  before, *rest = text.split('{{')
  found = [before]
  for piece in rest:
    name, _, after = piece.partition('}}')
    found += [parts[name], after]
  return ''.join(found)


def check() -> None:
  """Raises UsageError if Plotly is not installed."""
  if importlib.util.find_spec('plotly') is None:
    raise UsageError(
      f'The page needs Plotly, which is not installed: {install("[page]")}'
    )


def embedded(data: Any) -> str:
  """JSON that stands in a script element: no text in it can end the element
  or begin a comment."""
  text = json.dumps(data, allow_nan=False, separators=(',', ':'))
  for sign in '<>&':
    text = text.replace(sign, f'\\u{ord(sign):04x}')
  return text


def digest(text: str) -> str:
  """The SHA-256 of a text as a content security policy names it."""
  return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def program() -> str:
  """Our own scripts, as one function."""
  texts = '\n'.join(part(f'{x}.js') for x in SCRIPTS)
  return f"(() => {{\n'use strict';\n{texts}\n}})();\n"


def part(name: str) -> str:
  """The text of a file of this package."""
  return (resources.files(__package__) / 'parts' / name).read_text('utf-8')


@functools.cache
def plotly() -> str:
  """The plotting library."""
  from plotly.offline import get_plotlyjs

  # It must not end its own script element.
  return str(get_plotlyjs()).replace('</script', '<\\/script')
