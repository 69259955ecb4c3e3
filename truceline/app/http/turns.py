"""Fair turns: what one person asks waits behind what the same person asked before, not others behind it."""

import asyncio
from weakref import WeakValueDictionary

EACH = 2  # requests of one person in worker threads at a time; the pool has forty threads for all


class Turns:
    """Hands out turns to the worker threads, in the order in which each person asks.

    Use it on one event loop; whoever asks for nothing is forgotten.
    """

    def __init__(self) -> None:
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, actor: str) -> asyncio.Semaphore:
        """Give the turns of a person, to be held while a request of theirs is at work: ``async with``."""
        found = self._of.get(actor)
        if found is None:
            found = self._of[actor] = asyncio.Semaphore(EACH)
        return found
