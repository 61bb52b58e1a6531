"""A browser, and a page in it."""

import pytest

from ponderdream.page import html
from tests.page import browser, runs

NAMES = ('deep-seed0', 'deep-seed1', '<script>plain')


@pytest.fixture(scope='module')
def chromium():
  with browser.started() as found:
    yield found


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Two seeds of one agent and a plain one, and the page of all three."""
  tmp = tmp_path_factory.mktemp('page')
  runs.evaluation(runs.write(tmp / 'deep-seed0', 0, runs.STEPS))
  runs.write(tmp / 'deep-seed1', 1, runs.STEPS, gain=0.03)
  runs.write(tmp / '<script>plain', 0, runs.STEPS, gain=0.005, mode='none')
  found = runs.page(*(tmp / x for x in NAMES))
  (tmp / 'page.html').write_text(html.render(found))
  return tmp


@pytest.fixture(scope='module')
def loaded(chromium, folder):
  address = (folder / 'page.html').as_uri()
  with browser.opened(chromium, address, accept_downloads=True) as page:
    yield page
    assert page.errors == []


@pytest.fixture
def page(loaded):
  """The page as it is when it is opened."""
  loaded.reload()
  browser.drawn(loaded)
  return loaded
