"""What the goals of a game are called, one file per game."""

from ponderdream.lrxc.lexicons.crafter import CRAFTER
from ponderdream.lrxc.lexicons.lexicon import Goal, Lexicon

LEXICONS = {x.name: x for x in (CRAFTER,)}

__all__ = ['CRAFTER', 'LEXICONS', 'Goal', 'Lexicon']
