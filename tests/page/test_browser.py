"""The page in a real browser. Run with `-m slow`."""

import csv
import io
import pathlib
import threading

import numpy as np
import pytest

from ponderdream.page import curves, html, server
from tests.page import browser, runs

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]
STEPS = range(100, 4100, 100)


@pytest.fixture(scope='module')
def chromium():
  with browser.started() as found:
    yield found


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Two seeds of one agent and a plain one, and the page of all three."""
  tmp = tmp_path_factory.mktemp('page')
  runs.evaluation(runs.write(tmp / 'deep-seed0', 0, STEPS))
  runs.write(tmp / 'deep-seed1', 1, STEPS, gain=0.03)
  runs.write(tmp / '<script>plain', 0, STEPS, gain=0.005, mode='none')
  found = runs.page(*(tmp / x for x in NAMES))
  (tmp / 'page.html').write_text(html.render(found))
  return tmp


NAMES = ('deep-seed0', 'deep-seed1', '<script>plain')


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
  rows = browser.chart(page, 'chart-logged')
  assert [t['y'] for t in rows] == 3 * [[14, 13, 13]]
  (heat,) = browser.chart(page, 'chart-halting')
  assert heat['z'] == [40 * [0.75]] and heat['x'] == list(STEPS)
  with_, without = browser.chart(page, 'chart-depth')
  assert with_['x'][0] == pytest.approx(1.975)  # 13 (1 + 2 + 3) + 1, of 40
  (situation,) = browser.chart(page, 'chart-situation')
  # Actions 3, 1, 2, 0 had 1, 2, 4, 1 steps.
  assert dict(zip(situation['y'], situation['x'], strict=True)) == {
    'action 3': 1, 'action 1': 2, 'action 2': 4, 'action 0': 1
  }  # fmt: skip
  labels = page.eval_on_selector_all(
    '.plot', 'all => all.map(x => [x.role, x.ariaLabel])'
  )
  assert all(role == 'img' and len(text) > 20 for role, text in labels)


def test_the_controls_of_the_curves(page):
  y = lambda name='return': browser.lines(page, name)[-1]
  page.click('#axis >> text=Core time')
  # Five steps a second, in minutes.
  np.testing.assert_allclose(y()['x'], np.array(STEPS) / 5 / 60)
  heat = browser.chart(page, 'chart-halting')[0]
  np.testing.assert_allclose(heat['x'], np.array(STEPS) / 5 / 60)
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
  assert goal['y'] == ['&lt;script&gt;alert(1)&lt;/script&gt;'] and goal[
    'x'
  ] == [2]
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


def moment(page):
  """Step by the slider, by the words and by the time line, and the picture."""
  slider = int(page.input_value('#slider'))
  said = int(page.inner_text('#status').split()[1])
  line = page.evaluate(
    "document.getElementById('timeline').layout.shapes[0].x0"
  )
  assert slider == said == line
  return slider, page.get_attribute('#frame', 'src').rpartition(',')[2]


def test_the_players_time_line_and_frame_agree(page):
  frames = [runs.PIXEL, runs.OTHER, runs.PIXEL, runs.OTHER, runs.PIXEL]
  assert moment(page) == (0, frames[0])
  page.click('#on')
  assert moment(page) == (1, frames[1])
  page.click('#longest')
  assert moment(page) == (2, frames[2]) and '4 ponder' in page.inner_text(
    '#status'
  )
  page.click('#event')
  assert moment(page) == (3, frames[3])
  assert runs.EVIL in page.inner_text('#status')
  page.click('#event')  # There is only one.
  assert moment(page) == (3, frames[3])
  page.click('#back')
  assert moment(page) == (2, frames[2])
  ponder, value, reward, events = browser.chart(page, 'timeline')
  assert ponder['y'] == [1, 2, 4, 1, None] and value['y'][-1] == 0
  assert events['x'] == [3] and reward['y'] == [0, 0, 0, 1, -1]
  levels = page.inner_text('#levels').split()
  assert '75%' in levels and '0.2' in levels and '1.1' in levels
  assert page.locator('#levels img').count() == 3
  assert runs.EVIL in page.inner_text('#levels')
  page.evaluate(
    """document.getElementById('timeline')
      .emit('plotly_click', {points: [{x: 1}]})"""
  )
  assert moment(page) == (1, frames[1])
  page.select_option('#speed', '30')
  page.click('#play')
  browser.wait(page, "document.getElementById('slider').value === '4'")
  page.wait_for_selector('#play[aria-pressed=false]')
  assert moment(page) == (4, frames[4])
  # At the end it begins again.
  page.select_option('#speed', '1')
  page.click('#play')
  browser.wait(page, "document.getElementById('slider').value === '1'")
  page.click('#play')
  page.wait_for_selector('#play >> text=Play')
  assert moment(page) == (1, frames[1])


def test_the_keyboard_is_enough(page):
  """Tab comes to every control, which space, arrows and letters use."""
  focus = lambda: page.evaluate(
    '(document.activeElement.id || document.activeElement.textContent).trim()'
  )
  page.focus('.skip')
  seen = []
  while focus() != 'To the curves' or not seen:
    seen.append(focus())
    page.keyboard.press('Tab')
    assert len(seen) < 120
  assert {
    'Updates', 'window', 'raw', 'choose-ponder', 'csv', 'rates', 'By rate',
    'thinker', 'episode', 'slider', 'back', 'play', 'on', 'speed', 'event',
    'longest', 'levels',
  } <= {*seen}  # fmt: skip
  page.focus('#slider')
  for key, step in {'ArrowRight': 1, 'l': 2, 'n': 3, 'ArrowLeft': 2, 'End': 4,
                    'Home': 0}.items():  # fmt: skip
    page.keyboard.press(key)
    assert moment(page)[0] == step, key
  page.keyboard.press('Space')
  assert page.get_attribute('#play', 'aria-pressed') == 'true'
  page.keyboard.press('Space')
  assert page.get_attribute('#play', 'aria-pressed') == 'false'
  page.focus('#axis button:nth-child(2)')
  page.keyboard.press('Enter')
  assert browser.lines(page, 'return')[-1]['x'][0] == 25
  page.focus('#window')
  page.keyboard.press('ArrowUp')
  assert page.input_value('#window') == '0.01'
  page.focus('#runs th:nth-child(2) button')
  page.keyboard.press('Enter')
  assert (
    page.get_attribute('#runs th:nth-child(2)', 'aria-sort') == 'descending'
  )
  assert focus() == 'steps ▾'
  unnamed = page.eval_on_selector_all(
    'button, select, input, img, video',
    """all => all.filter(x => !(x.ariaLabel || x.alt || x.textContent.trim()
      || (x.labels && x.labels.length))).length""",
  )
  assert unnamed == 0


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


def test_a_run_that_grows_is_followed(chromium, folder, tmp_path, monkeypatch):
  monkeypatch.setattr(server, 'EVERY', 0.2)
  run = runs.write(tmp_path / 'run')
  with server.Server(runs.opened(run), 0) as served:
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    with browser.opened(chromium, served.address) as page:
      page.select_option('#window', '0')
      assert len(browser.lines(page, 'return')[0]['y']) == 10
      runs.lines(run / 'scores.jsonl', runs.scores([1100, 1200]))
      ready = "document.getElementById('chart-return').data[0].y.length === 12"
      browser.wait(page, ready)
      assert browser.lines(page, 'return')[0]['y'][-1] == 12
      # What was chosen stays, and what comes later is shown.
      assert page.input_value('#window') == '0'
      assert page.locator('#slider').count() == 0
      runs.evaluation(run)
      page.wait_for_selector('#slider')
      assert page.input_value('#window') == '0'
      served.shutdown()
      thread.join()
      served.server_close()
      browser.wait(
        page,
        "document.getElementById('about').textContent.includes('not answer')",
      )
      assert all('ERR_CONNECTION' in x for x in page.errors)
