#!/usr/bin/env python3
"""Writes tests/vectors/sse: byte streams of Server-Sent Events (<name>.sse) and the frames in them (<name>.json).

The frames are written here by hand after the WHATWG HTML standard, section 9.2.6. Python's standard library alone is
needed; the same files come out each time.
"""

import hashlib
import json
import pathlib

LARGE_BYTES = 1 << 20


def frame(data, event="", id=None, retry=None):
    return {"event": event, "id": id, "data": data, "retry": retry}


def large():
    text = ("0123456789abcdef é🎬 " * (LARGE_BYTES // 20)).encode()[:LARGE_BYTES]
    text = text.decode(errors="ignore").encode()  # not cut inside a character
    stream = b"id: 1\ndata: before\n\nid: 2\ndata: " + text + b"\n\nid: 3\ndata: after\n\n"
    digest = {"data_bytes": len(text), "data_sha256": hashlib.sha256(text).hexdigest()}
    whole = {key: value for key, value in frame("", id="2").items() if key != "data"}
    return stream, [frame("before", id="1"), whole | digest, frame("after", id="3")]


# As a daemon sent it.
CONNECTED = ('{"journal_id":"01a22c2d-9f90-727a-9395-241fbbfbe403","job_id":"j","head_seq":1,"resumed_after":0,'
             '"heartbeat_seconds":5}')
LINE = ('{"seq":1,"job_id":"j","job_seq":1,"event_id":"01a22c2d-a357-7937-88b6-d08e0b2f4e26","ts":"2026-11-30T11:18:38.167576Z",'
        '"occurred_at":"2026-11-30T11:18:38.167576Z","type":"log","level":"info","message":"é🎬","actor":"worker",'
        '"hash":"c7ea406f56b7a2ee7d111ea08b90ef5d1d1735c8d589222520b235af758a9ccd"}')
HEARTBEAT = '{"ts":"2026-11-30T11:18:39.540689Z","head_seq":1,"sent_through":1}'
DAEMON = (f"retry: 2000\nid: 0\nevent: connected\ndata: {CONNECTED}\n\nid: 1\ndata: {LINE}\n\n"
          f"event: heartbeat\ndata: {HEARTBEAT}\n\n").encode()

STREAMS = {
    "line_ends": (
        b"data: lf\n\ndata: cr\r\rdata: crlf\r\n\r\ndata: a\rdata: b\ndata: c\r\n\rdata: d\n\r\ndata: e\r\n\ndata: f\r\r\n\ndata: g\n\n",
        [frame(text) for text in ("lf", "cr", "crlf", "a\nb\nc", "d", "e", "f", "g")]),
    "byte_order_mark": (b"\xef\xbb\xbfdata: one\n\n\xef\xbb\xbfdata: a field of an unknown name\n\ndata: \xef\xbb\xbftwo\n\n",
                        [frame("one"), frame("\ufefftwo")]),
    "byte_order_mark_twice": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a field of an unknown name\n\ndata: one\n\n",
        [frame("one")]),
    "byte_order_mark_before_a_comment": (b"\xef\xbb\xbf: comment\ndata: one\n\n", [frame("one")]),
    "comments": (b":\n\n: heartbeat\n\n:data: not this\ndata: one\n: between\ndata: two\n:\n\n::\r\r: at the end\n\n",
        [frame("one\ntwo")]),
    "data": (
        b"data: one\ndata: two\n\ndata:three\n\ndata:  four\n\ndata: \tfive \n\ndata: a: b\n\ndata: {\"a\":\"data: x\"}\n\n"
        b"data: \"quoted\" \\n\\u0000 \x7f\n\ndata: a\0b\n\n",
        [frame("one\ntwo"), frame("three"), frame(" four"), frame("\tfive "), frame("a: b"), frame('{"a":"data: x"}'),
         frame('"quoted" \\n\\u0000 \x7f'), frame("a\0b")]),
    "data_that_is_empty": (
        b"data\n\ndata:\n\ndata: \n\ndata\ndata\n\ndata:\ndata: x\ndata:\n\nevent: lost\nid: 5\n\ndata: y\nid: 6\n\n\n\n\n",
        [frame(""), frame(""), frame(""), frame("\n"), frame("\nx\n"), frame("y", id="6")]),
    "event": (b"event: a\ndata: 1\n\ndata: 2\n\nevent: b\nevent: c\ndata: 3\n\nevent: d\nevent\ndata: 4\n\ndata: 5\nevent:  e \n\n",
              [frame("1", "a"), frame("2"), frame("3", "c"), frame("4"), frame("5", " e ")]),
    "id": (
        b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid: 2\nid: \0\ndata: d\n\nid: 3\nid: 4\ndata: e\n\nid\ndata: f\n\n"
        b"id:9223372036854775807\ndata: g\n\nid: caf\xc3\xa9\ndata: h\n\n",
        [frame("a", id="1"), frame("b"), frame("c"), frame("d", id="2"), frame("e", id="4"), frame("f", id=""),
         frame("g", id="9223372036854775807"), frame("h", id="café")]),
    "retry": (
        b"data: a\n\nretry: soon\nretry: -1\nretry: 1.5\nretry: +5\nretry: 5 \nretry:  5\nretry: 0x5\nretry\nretry: 1e3\ndata: b\n\n"
        b"retry: 1500\n\ndata: c\n\nretry:0\ndata: d\n\nretry: 007\nretry: x\ndata: e\n\nretry: \xd9\xa3\ndata: f\n\n",
        [frame("a"), frame("b"), frame("c", retry=1500), frame("d", retry=0), frame("e", retry=7),
            frame("f", retry=7)]),
    "fields": (
        b"Data: no\nDATA: no\n data: no\ndata : no\ndatas: no\nunknown\nunknown: x\nid : 1\nevent\xc3\xa9: x\ndata: yes\n\n"
        b"{\"not\":\"a field\"}\n\n<html>\n\ndata: also\n\n",
        [frame("yes"), frame("also")]),
    "utf_8": (
        "data: é € 🎬 \u0000 \u0080 \u2028\u2029 \u0085 \ufffd \uffff \U0010ffff\nevent: größe\nid: 漢字\n\ndata: e\u0301\u200d\n\n".encode(),
        [frame("é € 🎬 \u0000 \u0080 \u2028\u2029 \u0085 \ufffd \uffff \U0010ffff", "größe", "漢字"),
            frame("e\u0301\u200d")]),
    "end_in_a_line": (b"id: 1\ndata: whole\n\nid: 2\ndata: cut", [frame("whole", id="1")]),
    "end_behind_a_line": (b"id: 1\ndata: whole\n\nid: 2\ndata: cut\n", [frame("whole", id="1")]),
    "end_behind_a_return": (b"data: whole\r\rdata: cut\r", [frame("whole")]),
    "end_in_crlf": (b"data: one\r\n\r\ndata: two\r\n\r", [frame("one"), frame("two")]),
    "end_in_a_character": (b"data: whole\n\ndata: \xf0\x9f\x8e", [frame("whole")]),
    "nothing": (b"", []),
    "nothing_but_a_mark": (b"\xef\xbb\xbf", []),
    "nothing_but_heartbeats": (b": heartbeat\n\n" * 20 + b"\n\r\n\r", []),
    "daemon": (DAEMON, [
        frame(CONNECTED, "connected", "0", 2000), frame(LINE, id="1", retry=2000),
        frame(HEARTBEAT, "heartbeat", retry=2000)]),
    "large": large(),
}


def main():
    folder = pathlib.Path(__file__).parent / "sse"
    folder.mkdir(exist_ok=True)
    for name, (stream, frames) in STREAMS.items():
        (folder / f"{name}.sse").write_bytes(stream)
        lines = ",\n".join(json.dumps(each, ensure_ascii=True) for each in frames)
        (folder / f"{name}.json").write_text(f"[{lines}]\n")
    print(f"{len(STREAMS)} streams")


if __name__ == "__main__":
    main()
