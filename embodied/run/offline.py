"""Training on fixed data sets, without environments and a replay."""

from embodied.run.loop import Loop


class Offline(Loop):
  """One update per round. Its clock is updates: `settings.steps` counts them,
  and checkpoints are numbered by them."""

  @property
  def step(self) -> int:
    return self.learner.updates

  def advance(self) -> None:
    self.sync.run_local(self.learner.fetch)
    self.sync_hosts()
    if self.sync.ready and not self.sync.over:
      self.update()
