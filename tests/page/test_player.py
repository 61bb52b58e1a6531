"""The player and the keyboard, in a browser. Run with `-m slow`."""

import pytest

from tests.page import browser, runs

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]


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
  page.focus('#episode')
  page.dispatch_event('#episode', 'change')  # makes the player anew
  assert focus() == 'episode'
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
  assert focus() == 'sort-1'
  unnamed = page.eval_on_selector_all(
    'button, select, input, img, video',
    """all => all.filter(x => !(x.ariaLabel || x.alt || x.textContent.trim()
      || (x.labels && x.labels.length))).length""",
  )
  assert unnamed == 0
