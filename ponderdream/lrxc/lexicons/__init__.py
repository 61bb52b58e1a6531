"""What the goals of a game are called, one file per game."""

from ponderdream.lrxc.lexicons.battlefactory import BATTLEFACTORY
from ponderdream.lrxc.lexicons.crafter import CRAFTER
from ponderdream.lrxc.lexicons.lexicon import Goal, Lexicon

LEXICONS = {x.name: x for x in (BATTLEFACTORY, CRAFTER)}

__all__ = ['BATTLEFACTORY', 'CRAFTER', 'LEXICONS', 'Goal', 'Lexicon']
