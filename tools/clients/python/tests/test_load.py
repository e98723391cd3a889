"""Memory stays flat over many events, in both directions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from typing import List

from .support import TestCase

EVENTS = int(os.environ.get("STAGELOG_TEST_EVENTS", "200000"))
# What one more page of the allocator, or one more batch, may take. A tenth of the events kept
# would be several times as much.
GROWTH_KIB = 8 << 10


def resident_kib(script: str) -> str:
    return ("def resident():\n"
            "  with open('/proc/self/statm') as file: return int(file.read().split()[1]) * 4\n"
            + script)


@unittest.skipUnless(os.path.exists("/proc/self/statm"), "no /proc")
class MemoryTest(TestCase):
    def run_script(self, script: str, *arguments: str) -> List[int]:
        done = subprocess.run([sys.executable, "-c", resident_kib(script), *arguments], text=True,
                              env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [int(word) for word in done.stdout.split()]

    def test_a_stream(self) -> None:
        daemon = self.start_daemon()
        line = json.dumps({"type": "log", "message": "a line of a program, as long as they are",
                           "payload": {"stream": "stdout", "number": 12345}}) + "\n"
        for _ in range(EVENTS // 50_000):
            daemon.request("POST", "/jobs/long/events", (line * 50_000).encode(),
                           "application/x-ndjson")
        count, early, late = self.run_script(
            "import stagelog, sys\n"
            "count, total, last = 0, int(sys.argv[1]), 0\n"
            "for event in stagelog.stream_events(job='long'):\n"
            "  assert event.seq == last + 1\n"
            "  last = event.seq\n"
            "  count += 1\n"
            "  if count == total // 10: early = resident()\n"
            "  if count == total: break\n"
            "print(count, early, resident())\n", str(EVENTS))
        self.assertEqual(count, EVENTS)
        self.assertLess(late - early, GROWTH_KIB)

    def test_a_logger(self) -> None:
        self.start_daemon()
        count = EVENTS // 10
        early, late, dropped = self.run_script(
            "import stagelog, sys\n"
            "total = int(sys.argv[1])\n"
            "with stagelog.JobLogger('long') as logger:\n"
            "  for number in range(total):\n"
            "    logger.log('a line of a program, as long as they are', number=number)\n"
            "    if number == total // 10: early = resident()\n"
            "  logger.flush(None)\n"
            "  late = resident()\n"
            "print(early, late, logger.dropped)\n", str(count))
        self.assertEqual(dropped, 0)
        self.assertLess(late - early, GROWTH_KIB)


if __name__ == "__main__":
    unittest.main()
