"""Bytes in, frames and bodies out, wherever they are cut."""

from __future__ import annotations

import hashlib
import json
import unittest
from pathlib import Path
from typing import Any, List

from stagelog.http_parser import AnswerParser, BadAnswer
from stagelog.sse import MAX_FRAME_BYTES, FrameTooLarge, SseParser

from .support import ROOT

VECTORS = ROOT.parents[2] / "tests" / "vectors" / "sse"


# Longer streams are cut at some places only, and their data is told by size and digest.
MAX_CUT_EVERYWHERE = 4096


def parse(parts: List[bytes]) -> Any:
    parser = SseParser()
    frames = [frame._asdict() for part in parts for frame in parser.feed(part)]
    return {"frames": frames, "retry_ms": parser.retry_ms}


def frames_of(parts: List[bytes]) -> List[Any]:
    """As the vectors have them, which all readers are held to."""
    is_long = sum(map(len, parts)) > MAX_CUT_EVERYWHERE
    frames = []
    for frame in parse(parts)["frames"]:
        data = frame.pop("data").encode()
        if is_long and len(data) > MAX_CUT_EVERYWHERE:
            digest = hashlib.sha256(data).hexdigest()
            frames.append({**frame, "data_bytes": len(data), "data_sha256": digest})
        else:
            frames.append({**frame, "data": data.decode()})
    return frames


class SseTest(unittest.TestCase):
    def setUp(self) -> None:
        self.vectors = sorted(VECTORS.glob("*.sse"))
        self.assertTrue(self.vectors, f"no vectors in {VECTORS}")

    def expected(self, vector: Path) -> Any:
        frames = json.loads(vector.with_suffix(".json").read_text(encoding="utf-8"))
        return [{key: value for key, value in frame.items() if key != "retry"} for frame in frames]

    def test_vectors_cut_at_every_position(self) -> None:
        for vector in self.vectors:
            stream, expected = vector.read_bytes(), self.expected(vector)
            step = 1 if len(stream) <= MAX_CUT_EVERYWHERE else len(stream) // 40
            for cut in range(0, len(stream) + 1, step):
                with self.subTest(vector=vector.name, cut=cut):
                    self.assertEqual(frames_of([stream[:cut], stream[cut:]]), expected)

    def test_vectors_byte_by_byte(self) -> None:
        for vector in self.vectors:
            stream = vector.read_bytes()
            if len(stream) > MAX_CUT_EVERYWHERE:
                continue
            with self.subTest(vector=vector.name):
                parts = [stream[i:i + 1] for i in range(len(stream))]
                self.assertEqual(frames_of(parts), self.expected(vector))

    def test_a_cut_frame_is_never_dispatched(self) -> None:
        stream = (VECTORS / "daemon.sse").read_bytes()
        whole = parse([stream])["frames"]
        for cut in range(len(stream)):
            frames = parse([stream[:cut]])["frames"]
            self.assertEqual(frames, whole[:len(frames)])

    def test_a_frame_without_an_end_is_an_error(self) -> None:
        for part in (b"x" * (1 << 20), b"data: " + b"x" * (1 << 20) + b"\n"):
            parser = SseParser()
            with self.assertRaises(FrameTooLarge):
                for _ in range(2 * MAX_FRAME_BYTES // len(part)):
                    parser.feed(part)


class AnswerTest(unittest.TestCase):
    CHUNKED = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n6;a=b\r\n world\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n")

    def test_chunks_cut_at_every_position(self) -> None:
        for cut in range(1, len(self.CHUNKED)):
            parser = AnswerParser()
            body = parser.feed(self.CHUNKED[:cut]) + parser.feed(self.CHUNKED[cut:])
            self.assertEqual((parser.status, body, parser.is_complete),
                             (200, b"hello world!", True), cut)
            self.assertEqual(parser.headers["content-type"], "text/event-stream")

    def test_chunks_byte_by_byte(self) -> None:
        parser = AnswerParser()
        body = b"".join(parser.feed(bytes([byte])) for byte in self.CHUNKED)
        self.assertEqual((body, parser.is_complete), (b"hello world!", True))

    def test_an_end_within_chunks_is_an_error_everywhere(self) -> None:
        for cut in range(len(self.CHUNKED) - 1):
            parser = AnswerParser()
            if cut > 0:
                parser.feed(self.CHUNKED[:cut])
            with self.assertRaises(BadAnswer):
                parser.feed(b"")

    def test_a_body_with_a_length(self) -> None:
        parser = AnswerParser()
        self.assertEqual(parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), b"ab")
        self.assertFalse(parser.is_complete)
        self.assertEqual(parser.feed(b"cd"), b"c")
        self.assertTrue(parser.is_complete)

    def test_a_body_that_ends_with_the_connection(self) -> None:
        parser = AnswerParser()
        self.assertEqual(parser.feed(b"HTTP/1.0 200 OK\r\n\r\nabc"), b"abc")
        self.assertEqual(parser.feed(b""), b"")
        self.assertTrue(parser.is_complete)

    def test_a_head_without_a_body(self) -> None:
        for head in (b"HTTP/1.1 204 No Content\r\n\r\n",
                     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
            parser = AnswerParser()
            parser.feed(head)
            self.assertTrue(parser.is_complete, head)

    def test_what_is_no_http_is_an_error(self) -> None:
        for answer in (b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 100_000,
                       b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9999):
            with self.assertRaises(BadAnswer):
                AnswerParser().feed(answer)


if __name__ == "__main__":
    unittest.main()
