from __future__ import annotations

import unittest

from stagelog.backoff import Backoff


class BackoffTest(unittest.TestCase):
    def test_it_doubles_to_the_longest_with_up_to_half_of_it_by_chance(self) -> None:
        for _ in range(50):
            backoff = Backoff(0.1, 2.0)
            for expected in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0):
                wait = backoff.next()
                self.assertTrue(expected <= wait <= expected * 1.5, (expected, wait))

    def test_chance_spreads(self) -> None:
        self.assertGreater(len({Backoff(1.0, 1.0).next() for _ in range(20)}), 10)

    def test_what_the_daemon_asks_for_counts(self) -> None:
        backoff = Backoff(2.0, 30.0)
        backoff.set_first(100.0)
        self.assertGreaterEqual(backoff.next(), 100.0)
        backoff.set_first(1e9)
        self.assertLessEqual(backoff.next(), 450.0)

    def test_success_begins_anew(self) -> None:
        backoff = Backoff(0.1, 2.0)
        for _ in range(2_000):
            backoff.next()
        backoff.reset()
        self.assertLess(backoff.next(), 0.2)
