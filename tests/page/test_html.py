"""The file: its policy, and that no text of a run is HTML."""

import hashlib
import json
import re
from base64 import b64encode

from ponderdream.page import html
from tests.page import runs


def test_no_text_of_a_run_is_html(tmp_path):
  folder = tmp_path / runs.EVIL.replace('/', '')
  run = runs.write(folder)
  runs.evaluation(run)
  text = html.render(runs.page(run) | {'note': '<!-- </script> & \u2028'})
  assert runs.EVIL not in text and 'alert(1)' in text
  # Two scripts, and the data.
  assert text.count('</script') == 3 and len(re.findall('<script', text)) == 3
  body = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]
  assert not set(body) & set('<>&')
  found = json.loads(body)
  assert found['note'] == '<!-- </script> & \u2028'
  assert found['runs'][0]['settings']['goal'] == runs.EVIL


def test_the_policy_allows_the_two_scripts_alone(tmp_path):
  text = html.render(runs.page(runs.write(tmp_path / 'run')))
  policy = re.search(r'Security-Policy" content="(.*?)"', text)[1]
  rules = dict(x.strip().split(' ', 1) for x in policy.split(';'))
  assert rules['default-src'] == rules['connect-src'] == "'none'"
  # Plotly is a text at first, and is run by the program.
  elements = r'<script(?: type="text/plain" id="plotly")?>(.*?)</script>'
  scripts = re.findall(elements, text, re.DOTALL)
  digests = (hashlib.sha256(x.encode()).digest() for x in scripts)
  want = {f"'sha256-{b64encode(x).decode()}'" for x in digests}
  assert len(scripts) == 2 and {*rules['script-src'].split()} == want
  live = html.render({}, {'every': 1})
  assert "connect-src 'self'" in live


def test_nothing_of_our_programs_makes_html():
  for banned in ('innerHTML', 'outerHTML', 'insertAdjacent', 'document.write'):
    assert banned not in html.program()
