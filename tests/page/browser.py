"""Chromium, driven by Playwright."""

import contextlib
import importlib.util
import os
import shutil
import time

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = (
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
)  # fmt: skip


def missing():
  """Why there is no browser; empty if there is one."""
  if importlib.util.find_spec('playwright') is None:
    return "Playwright is not installed: pip install -e '.[dev]'"
  if not program():
    return f'There is none of {", ".join(NAMES)}; name one by CHROMIUM.'
  return ''


def program():
  """The path of the browser; None if there is none."""
  named = os.environ.get('CHROMIUM')
  return named or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def started():
  """A browser."""
  from playwright.sync_api import sync_playwright

  with sync_playwright() as driver:
    yield driver.chromium.launch(executable_path=program(), args=FLAGS)


@contextlib.contextmanager
def opened(browser, address, draws=True, **context):
  """A page that has drawn its charts. Its errors are in `page.errors`."""
  inside = browser.new_context(
    viewport={'width': 1280, 'height': 900}, **context
  )
  page = inside.new_page()
  page.set_default_timeout(60_000)
  page.errors = []
  page.on('console', lambda x: page.errors.append(f'{x.type}: {x.text}'))
  page.on('pageerror', lambda x: page.errors.append(str(x)))
  page.on('dialog', lambda x: page.errors.append('a dialog') or x.dismiss())
  page.goto(address)
  if draws:
    drawn(page)
  yield page
  inside.close()


def drawn(page):
  """Waits until all charts are drawn."""
  page.wait_for_selector('html[data-drawn]')


def clock(page):
  """Gives the seconds of a core that the thread of the page has used since."""
  devtools = page.context.new_cdp_session(page)
  devtools.send('Performance.enable', {'timeDomain': 'threadTicks'})

  def now():
    rows = devtools.send('Performance.getMetrics')['metrics']
    return {x['name']: x['value'] for x in rows}['TaskDuration']

  begin = now()
  return lambda: now() - begin


def wait(page, expression, seconds=60):
  """Waits until an expression is true. (That of Playwright uses eval, which
  the policy of the page forbids.)"""
  end = time.monotonic() + seconds
  while not page.evaluate(expression):
    assert time.monotonic() < end, expression
    page.wait_for_timeout(20)


def chart(page, name):
  """The traces of a chart, from its own model."""
  return page.evaluate(
    """name => (document.getElementById(name).data || []).map(t => ({
      type: t.type, name: t.name, meta: t.meta, x: Array.from(t.x || []),
      y: Array.from(t.y || []), z: t.z, text: t.text}))""",
    name,
  )


def lines(page, name):
  """The curves of a chart: those of runs and the means of seeds."""
  found = chart(page, f'chart-{name}')
  return [t for t in found if t['meta'] in ('run', 'mean')]
