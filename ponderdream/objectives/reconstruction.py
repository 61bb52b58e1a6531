"""Reconstruction of every observation key from the posterior state."""

from ponderdream.objectives.terms import Pass, Terms, flat, flat_tree
from ponderdream.world import decoder


def losses(p: Pass) -> Terms:
  """`rec/<key>` `[B, T]`: minus the log-likelihood of an observation, up to a
  constant; see `decoder.log_prob`."""
  shape = p.batch['is_first'].shape
  cut = p.models.parts['imgdec'].module.cut
  terms = {}
  for key, raw in p.models.decode(p.params, flat_tree(p.post)).items():
    space = p.models.obs_space[key]
    fit = decoder.log_prob(space, raw, flat(p.batch[key]), cut)
    terms[f'rec/{key}'] = -fit.reshape(shape)
  return Terms(terms, {})
