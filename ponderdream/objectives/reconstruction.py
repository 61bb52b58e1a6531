"""Reconstruction of observations, but for texts, from the posterior state."""

from ponderdream.losses import world
from ponderdream.objectives.terms import Pass, Terms, flat, flat_tree


def losses(p: Pass) -> Terms:
  """`rec/<key>` `[B, T]`, see `losses.world.reconstruction`."""
  shape = p.batch['is_first'].shape
  terms = {}
  for key, raw in p.models.decode(p.params, flat_tree(p.post)).items():
    space = p.models.obs_space[key]
    cut = p.models.parts['imgdec'].module.cut
    error = world.reconstruction(space, raw, flat(p.batch[key]), cut)
    terms[f'rec/{key}'] = error.reshape(shape)
  return Terms(terms, {})
