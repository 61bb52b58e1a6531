"""The server answers for the page and its data, and for nothing else."""

import http.client
import json
import threading

import pytest

from embodied.errors import UsageError
from ponderdream.page import server
from tests.naming import says
from tests.page import runs


@pytest.fixture
def served(tmp_path):
  run = runs.write(tmp_path / 'run')
  (made,) = runs.opened(run)
  with server.Server([made], 0) as found:
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found, run
    found.shutdown()
    thread.join()


def ask(served, path, method='GET', **headers):
  """Status, headers and body of an answer."""
  client = http.client.HTTPConnection('127.0.0.1', served.server_port)
  names = {k.replace('_', '-'): v for k, v in headers.items()}
  client.request(method, path, headers=names)
  answer = client.getresponse()
  found = answer.status, answer.headers, answer.read()
  client.close()
  return found


def test_the_page_and_its_data(served):
  found, _ = served
  assert says(found.address, 'http://127.0.0.1') and len(found.token) >= 32
  status, headers, body = ask(found, f'/{found.token}/')
  assert status == 200 and b"connect-src 'self'" in body
  assert headers['Content-Type'] == 'text/html; charset=utf-8'
  assert headers['Referrer-Policy'] == 'no-referrer'
  status, headers, body = ask(found, f'/{found.token}/data.json')
  assert json.loads(body)['runs'][0]['name'] == 'run'
  status, _, body = ask(found, f'/{found.token}/data.json', 'HEAD')
  assert status == 200 and body == b''


def test_data_are_sent_again_only_if_they_changed(served):
  found, run = served
  path = f'/{found.token}/data.json'
  _, headers, _ = ask(found, path)
  tag = headers['ETag']
  assert ask(found, path, If_None_Match=tag)[0] == 304
  runs.lines(run / 'scores.jsonl', runs.scores([1100]))
  status, headers, body = ask(found, path, If_None_Match=tag)
  assert status == 200 and headers['ETag'] != tag
  (one,) = json.loads(body)['runs']
  assert one['episodes']['lines'] == 11


@pytest.mark.parametrize(
  'path',
  [
    '/', '/wrong/', '/data.json', '/{token}/page.html', '/{token}x/', '/%fc/',
    '/{token}/../run/config.yaml', '/{token}/%2e%2e/config.yaml',
    '/{token}/data.json/x', '/{token}/config.yaml',
  ],
)  # fmt: skip
def test_other_paths_are_refused(served, path):
  found, _ = served
  status, _, body = ask(found, path.format(token=found.token))
  assert status == 404 and body == b'There is nothing here.\n'


@pytest.mark.parametrize(
  'host',
  ['evil.example:{port}', '127.0.0.1', 'localhost:1', '', '[::1]:{port}'],
)
def test_other_names_are_refused(served, host):
  found, _ = served
  name = host.format(port=found.server_port)
  status, _, body = ask(found, f'/{found.token}/', Host=name)
  assert status == 421 and b'<' not in body
  good = f'localhost:{found.server_port}'
  assert ask(found, f'/{found.token}/', 'HEAD', Host=good)[0] == 200


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'OPTIONS'])
def test_other_methods_are_refused(served, method):
  found, _ = served
  status, headers, body = ask(found, f'/{found.token}/', method)
  assert status == 501 and body == b'This is not answered here.\n'
  assert headers['Content-Type'].startswith('text/plain')


def test_a_port_in_use(served):
  found, _ = served
  with pytest.raises(UsageError, match=str(found.server_port)):
    server.serve([], found.server_port)
