"""How long to wait before the next attempt."""

from __future__ import annotations

import random


class Backoff:
    """Doubles from `first` to `longest` seconds. Up to half of each wait is chance, so that many
    clients of one daemon do not come back at the same instant."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self.failures = 0

    def set_first(self, seconds: float) -> None:
        """What the daemon asked for."""
        self._first = min(max(seconds, 0.05), 300.0)

    def reset(self) -> None:
        self.failures = 0

    def next(self) -> float:
        doubled = self._first * 2.0 ** min(self.failures, 10)
        self.failures += 1
        wait = min(doubled, max(self._longest, self._first))
        return wait * (1 + random.random() / 2)
