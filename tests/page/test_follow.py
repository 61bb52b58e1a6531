"""Runs that grow or are not whole, in a browser. Run with `-m slow`."""

import threading

import pytest

from ponderdream.page import html, server
from tests.page import browser, runs

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
]
NAN = float('nan')


def test_what_is_not_whole_is_shown_as_far_as_it_goes(chromium, tmp_path):
  (tmp_path / 'empty').mkdir()
  broken = runs.write(tmp_path / 'broken')
  runs.lines(broken / 'scores.jsonl', [{'step': 1100, 'episode/score': NAN}])
  with (broken / 'scores.jsonl').open('a') as file:
    file.write('damaged\n{"step": 1200, "episode/sc')
  (broken / 'videos').mkdir()
  (broken / 'videos' / 'report-9.mp4').write_bytes(bytes(99))
  old = runs.write(tmp_path / 'old', mode='none', seconds=False)
  folders = [tmp_path / 'empty', broken, old]
  out = tmp_path / 'page.html'
  out.write_text(html.render(runs.page(*folders)))
  with browser.opened(chromium, out.as_uri()) as page:
    notes = page.inner_text('#notes')
    for words in (
      'empty: There is no episode yet', 'empty: Its settings are not known',
      'broken: Damaged lines of scores.jsonl are left out: 1.',
      'episode/score (1)', 'old: An earlier version',
    ):  # fmt: skip
      assert words in notes, notes
    page.select_option('#window', '0')
    shown = {t['name']: t['y'] for t in browser.lines(page, 'return')}
    assert shown['broken'] == shown['old'] == [*range(1, 11)]
    assert 'empty' not in shown
    assert [t['name'] for t in browser.lines(page, 'speed')] == ['broken']
    page.wait_for_selector('figcaption >> text=report-9.mp4 cannot be played')
    page.click('#axis >> text=Core time')
    assert [t['name'] for t in browser.lines(page, 'return')] == ['broken']
    assert page.errors == []
  out.write_text(html.render(runs.page(tmp_path / 'empty')))
  with browser.opened(chromium, out.as_uri()) as page:
    text = page.inner_text('main')
    for words in ('no such number', 'No episode was recorded', 'no video'):
      assert words in text
    assert page.is_disabled('#axis >> text=Core time')
    assert page.errors == []


def test_a_run_that_grows_is_followed(chromium, tmp_path, monkeypatch):
  monkeypatch.setattr(server, 'EVERY', 0.2)
  run = runs.write(tmp_path / 'run')
  with server.Server(runs.opened(run), 0) as served:
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    with browser.opened(chromium, served.address) as page:
      page.select_option('#window', '0')
      assert len(browser.lines(page, 'return')[0]['y']) == 10
      runs.lines(run / 'scores.jsonl', runs.scores([1100, 1200]))
      count = "document.getElementById('chart-return').data[0].y.length"
      page.focus('#sort-2')
      browser.wait(page, f'{count} === 12')
      # What had the focus has it, although the table is new.
      assert '1,200' in page.inner_text('#runs')
      assert page.evaluate('document.activeElement.id') == 'sort-2'
      assert browser.lines(page, 'return')[0]['y'][-1] == 12
      # What was chosen stays, and what comes later is shown.
      assert page.input_value('#window') == '0'
      assert page.locator('#slider').count() == 0
      runs.evaluation(run)
      page.wait_for_selector('#slider')
      assert page.input_value('#window') == '0'
      # The player goes on while numbers come.
      page.select_option('#speed', '1')
      page.click('#play')
      runs.lines(run / 'scores.jsonl', runs.scores([1300]))
      browser.wait(page, f'{count} === 13')
      browser.wait(page, "document.getElementById('slider').value === '1'")
      assert page.get_attribute('#play', 'aria-pressed') == 'true'
      assert page.errors == []
      served.shutdown()
      thread.join()
      served.server_close()
      browser.wait(
        page,
        "document.getElementById('about').textContent.includes('not answer')",
      )
      # The browser alone complains, and how depends on where the request was
      # when the server went.
      gone = 'error: Failed to load resource: net::ERR_'
      assert page.errors and all(x.startswith(gone) for x in page.errors)
