"""The page in a real browser. Run with `-m slow`."""

import csv
import io
import pathlib

import numpy as np
import pytest

from ponderdream.page import curves
from tests.page import browser
from tests.page.runs import STEPS

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]


def returns(gain):
  """Steps and returns of a hand-written run."""
  steps = np.array(STEPS, float)
  return steps, gain * steps


def smoothed(gain, share):
  steps, found = returns(gain)
  return curves.smooth(steps, found, np.ones(len(steps)), share * steps[-1])


def test_each_chart_has_its_data(page):
  band, plain = browser.lines(page, 'return')
  assert (band['name'], plain['name']) == ('deep', '&lt;script&gt;plain')
  # As Python smooths and aligns.
  np.testing.assert_allclose(plain['y'], smoothed(0.005, 0.03), atol=1e-9)
  steps = np.array(STEPS, float)
  seeds = [(steps, smoothed(x, 0.03)) for x in (0.01, 0.03)]
  grid, values = curves.aligned(seeds, 200)
  np.testing.assert_allclose(band['x'], grid)
  np.testing.assert_allclose(band['y'], curves.band(values).mean, atol=1e-9)
  found = browser.chart(page, 'chart-return')
  for meta in ('low', 'high'):
    (edge,) = (t for t in found if t['meta'] == meta)
    want = getattr(curves.band(values), meta)
    np.testing.assert_allclose(edge['y'], want, atol=1e-9)
  # The others hold what the files say.
  assert browser.lines(page, 'length')[1]['y'] == 40 * [50]
  assert browser.lines(page, 'score')[1]['y'][0] == 1
  assert browser.lines(page, 'speed')[1]['y'][-1] == pytest.approx(10)
  assert browser.lines(page, 'loss')[1]['y'][0] == pytest.approx(1)
  assert browser.lines(page, 'any')[1]['y'] == pytest.approx(40 * [0.75])
  assert browser.lines(page, 'ponder')[1]['y'][0] == 1
  deep, other = browser.chart(page, 'chart-rates')
  assert deep['y'] == ['wake up', 'collect wood'] and deep['x'] == [100, 50]
  rows = browser.chart(page, 'chart-logged')  # a bar for both seeds
  assert [t['y'] for t in rows] == 2 * [[35, 32.5, 32.5]]
  (heat,) = browser.chart(page, 'chart-halting')
  assert heat['z'] == [40 * [0.75]] and heat['x'] == [0, *STEPS]
  with_, without = browser.chart(page, 'chart-depth')
  assert with_['x'][0] == pytest.approx(1.975)  # 13 (1 + 2 + 3) + 1, of 40
  (situation,) = browser.chart(page, 'chart-situation')
  # Actions 3, 1, 2, 0 had 1, 2, 4, 1 steps.
  assert dict(zip(situation['y'], situation['x'], strict=True)) == {
    'action 3 (1)': 1, 'action 1 (1)': 2, 'action 2 (1)': 4,
    'action 0 (1)': 1,
  }  # fmt: skip
  labels = page.eval_on_selector_all(
    '.plot', 'all => all.map(x => [x.role, x.ariaLabel])'
  )
  assert all(role == 'img' and len(text) > 20 for role, text in labels)


def test_texts_are_seen_before_plotly_is_loaded(chromium, folder):
  with browser.opened(chromium, 'about:blank', False) as page:
    page.add_init_script('window.requestAnimationFrame = () => 0')
    page.goto((folder / 'page.html').as_uri())
    assert 'deep' in page.inner_text('#runs')
    assert 'Step 0 of 4' in page.inner_text('#status')
    page.click('#axis >> text=Updates')
    page.click('#on')
    assert page.locator('.plot svg').count() == 0 and page.errors == []


def test_the_controls_of_the_curves(page):
  y = lambda name='return': browser.lines(page, name)[-1]
  page.click('#axis >> text=Core time')
  # Five steps a second, in minutes.
  np.testing.assert_allclose(y()['x'], np.array(STEPS) / 5 / 60)
  heat = browser.chart(page, 'chart-halting')[0]
  np.testing.assert_allclose(heat['x'][1:], np.array(STEPS) / 5 / 60)
  page.click('#axis >> text=Updates')
  np.testing.assert_allclose(y()['x'], np.array(STEPS) / 4)
  assert 'updates' in page.inner_text('#caption-return')
  page.click('#axis >> text=Environment steps')
  page.select_option('#window', '0')
  np.testing.assert_allclose(y()['y'], returns(0.005)[1])
  assert page.inner_text('#caption-return').startswith('Each line is a point')
  page.select_option('#window', '0.1')
  np.testing.assert_allclose(y()['y'], smoothed(0.005, 0.1), atol=1e-9)
  assert 'mean of the last 400 steps' in page.inner_text('#caption-return')
  page.check('#raw')
  points = [
    t for t in browser.chart(page, 'chart-return') if t['meta'] == 'raw'
  ]
  assert len(points) == 3 and points[0]['y'] == pytest.approx(
    list(returns(0.01)[1])
  )
  assert 'every line' in page.inner_text('#caption-return')
  page.select_option('#choose-ponder', 'computed')
  assert y('ponder')['y'] == 40 * [4]
  page.select_option('#choose-any', 'run/updates')
  assert y('any')['y'][0] == 25
  page.uncheck('#picker label:has-text("deep") input')
  assert [t['name'] for t in browser.lines(page, 'return')] == [y()['name']]
  assert len(browser.chart(page, 'chart-rates')) == 1
  page.uncheck('#picker label:has-text("plain") input')
  assert 'No run is chosen' in page.inner_text('#chart-return')
  page.check('#picker label:has-text("deep") input')
  assert len(browser.lines(page, 'return')) == 1


def test_the_controls_of_bars_and_table(page):
  names = lambda: browser.chart(page, 'chart-rates')[0]['y']
  page.select_option('#rates', 'newest evaluation')
  (only,) = browser.chart(page, 'chart-rates')
  assert only['x'] == [100, 50] and only['name'] == 'deep'
  assert '20 episodes' in page.inner_text('#caption-rates')
  page.click('#order >> text=By the tech tree')
  assert names() == ['wake up', 'collect wood']
  page.click('#measure >> text=Ponder steps')
  assert browser.chart(page, 'chart-logged')[0]['y'] == [1, 2, 3]
  page.select_option('#thinker', '1')
  assert 'was recorded' in page.inner_text('#chart-situation')
  page.select_option('#thinker', '0')
  page.select_option('#situation-kind', 'goal')
  (goal,) = browser.chart(page, 'chart-situation')
  assert goal['y'] == ['&lt;script&gt;alert(1)&lt;/script&gt; (4)']
  assert goal['x'] == [2]
  page.select_option('#situation-kind', 'event')
  assert browser.chart(page, 'chart-situation')[0]['x'] == pytest.approx(
    [7 / 3]
  )
  first = lambda: page.inner_text('#runs tbody tr:first-child td')
  page.click('#runs button:has-text("last")')
  assert first() == 'deep'
  assert (
    page.get_attribute('#runs th:nth-child(3)', 'aria-sort') == 'descending'
  )
  page.click('#runs button:has-text("last")')
  assert first() == '<script>plain'
  with page.expect_download() as saved:
    page.click('#csv')
  text = pathlib.Path(saved.value.path()).read_text()
  head, plain, deep = csv.reader(io.StringIO(text))
  assert (
    head[:3] == ['run', 'steps', 'steps: low'] and plain[0] == '<script>plain'
  )
  assert float(deep[head.index('last')]) == pytest.approx(41)


@pytest.mark.parametrize('width', [360, 1280])
def test_nothing_is_wider_than_the_window(page, width):
  page.set_viewport_size({'width': width, 'height': 800})
  page.emulate_media(color_scheme='dark')
  wide = 'document.documentElement.scrollWidth'
  browser.wait(page, f'{wide} <= {width}')
  page.wait_for_timeout(500)  # Plotly waits before it follows the window.
  over = page.eval_on_selector_all(
    '.plot svg.main-svg',
    """all => all.filter(x => x.getBoundingClientRect().bottom
      > x.closest('.plot').getBoundingClientRect().bottom + 1).length""",
  )
  assert over == 0
  paper = page.evaluate('getComputedStyle(document.body).backgroundColor')
  page.emulate_media(color_scheme='light')
  page.set_viewport_size({'width': 1280, 'height': 900})
  assert paper == 'rgb(20, 23, 27)'
