"""Goals from words by rules: phrases, clauses, and a tree that grows."""

from ponderdream.lrxc.rules.reader import VERSION, extract

__all__ = ['VERSION', 'extract']
