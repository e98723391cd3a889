"""Names, times, settings, and JSON of whatever a program has."""

from __future__ import annotations

import json
import unittest
import uuid
from typing import Any, Dict, List, Tuple

from stagelog import Event
from stagelog.event import MAX_LINE_BYTES, make_draft
from stagelog.json_text import compact_payload
from stagelog.names import is_job_id, is_stage_path, legal_name, legal_stage_path
from stagelog.settings import DEFAULT_TOKEN, DEFAULT_URL, load_settings
from stagelog.times import format_micros, parse_micros, uuid7

from .support import TestCase


class NamesTest(unittest.TestCase):
    def test_legal_names_stay(self) -> None:
        for name in ("train", "a.b_c-1", "x" * 128):
            self.assertEqual(legal_name(name), name)
        self.assertEqual(legal_stage_path("train/epoch-3"), "train/epoch-3")

    def test_a_name_is_made_as_the_command_line_makes_it(self) -> None:
        self.assertEqual(legal_name("ALIGN (sample_A 1)"),
                         "ALIGN-sample_A-1--84819068659aec421bd0")

    def test_made_names_are_legal_and_differ(self) -> None:
        originals = ["", " ", "/", "a b", "a  b", "ä", "-a", ".", "x" * 129, "x" * 130, "a\ud83d",
                     "a-b--0123456789abcdef0123", "a//b", "/".join(["y" * 120] * 6)]
        made = [legal_stage_path(original) for original in originals]
        self.assertEqual(len(set(made)), len(made))
        for path in made:
            self.assertTrue(is_stage_path(path), path)

    def test_jobs_that_would_hide_files_are_none(self) -> None:
        for name in ("stagelog.db", "journal.json", "", "a/b", "../x", "a\n"):
            self.assertFalse(is_job_id(name), name)


class TimesTest(unittest.TestCase):
    def test_times(self) -> None:
        self.assertEqual(format_micros(1_000_000_123_456), "1970-01-12T13:46:40.123456Z")
        for micros in (0, 1, 1_764_500_000_000_000):
            self.assertEqual(parse_micros(format_micros(micros)), micros)

    def test_a_clock_far_off_is_no_error(self) -> None:
        for micros in (-5, 1 << 62):
            self.assertRegex(format_micros(micros), r"\A\d{4}-\d\d-\d\dT")
            self.assertEqual(uuid.UUID(uuid7(micros)).version, 7)

    def test_ids_sort_by_time(self) -> None:
        ids = [uuid7(milliseconds * 1_000) for milliseconds in range(1, 2_000_000, 1_999)]
        self.assertEqual(ids, sorted(ids))
        self.assertEqual({uuid.UUID(id).variant for id in ids}, {uuid.RFC_4122})


class PayloadTest(unittest.TestCase):
    def value(self, value: Any) -> Any:
        return json.loads(compact_payload({"value": value}))["value"]

    def test_what_json_has_no_word_for_becomes_text(self) -> None:
        self.assertEqual(self.value(float("nan")), "nan")
        self.assertEqual(self.value(b"a\xff"), "a\ufffd")
        self.assertEqual(self.value({3, 1}), [1, 3])
        self.assertEqual(self.value({1: {None: "x"}}), {"1": {"None": "x"}})
        self.assertEqual(self.value("a\ud83d"), "a\ufffd")
        self.assertEqual(self.value("\ud83d\ude00"), "😀")
        self.assertEqual(self.value(uuid.UUID(int=1)), str(uuid.UUID(int=1)))

    def test_an_object_that_raises(self) -> None:
        class Bad:
            def __str__(self) -> str:
                raise RuntimeError("no")

        self.assertEqual(self.value(Bad()), "<Bad>")

    def test_an_object_within_itself(self) -> None:
        loop: Dict[str, Any] = {}
        loop["loop"] = loop
        self.assertIn("...", compact_payload(loop))

    def test_an_event_that_is_too_large_says_so(self) -> None:
        cases: List[Tuple[str, Dict[str, Any]]] = [("x" * 300_000, {}), ("x", {"a": "\x01" * 100_000}),
                                 ("😀" * 100_000, {"a": "b"}),
                                 ("\x01" * 40_000, {"a": "x" * 260_000})]
        for message, payload in cases:
            draft = make_draft("log", message=message, payload=payload)
            line = draft.line("j")
            self.assertLess(len(line.encode()), MAX_LINE_BYTES + 2_000)
            note = json.loads(line)["payload"]
            self.assertTrue(set(note) & {"shortened_message_characters",
                                         "left_out_payload_bytes"}, note)

    def test_an_event_that_fits_is_whole(self) -> None:
        draft = make_draft("log", message="x" * 30_000, payload={"a": "y" * 30_000})
        event = json.loads(draft.line("j"))
        self.assertEqual((len(event["message"]), event["payload"]), (30_000, {"a": "y" * 30_000}))


class EventTest(unittest.TestCase):
    def test_an_event_of_a_newer_daemon(self) -> None:
        event = Event('{"seq":7,"type":"stage_paused","colour":"red","payload":3,"attempt":"x"}')
        self.assertEqual((event.seq, event.type, event.payload, event.attempt, event.stage),
                         (7, "stage_paused", {}, None, ""))
        self.assertEqual(event.data["colour"], "red")

    def test_what_is_no_event(self) -> None:
        for raw in ("", "[]", "{}", '{"seq":"1"}', '{"seq":true}', "{"):
            with self.assertRaises(ValueError):
                Event(raw)


class SettingsTest(TestCase):
    def test_given_then_environment_then_file_then_defaults(self) -> None:
        environment = {"HOME": str(self.folder)}
        found = load_settings(environment=environment)
        self.assertEqual((found.url, found.token), (DEFAULT_URL, DEFAULT_TOKEN))
        folder = self.folder / ".config" / "stagelog"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text('# mine\nurl: "http://file:1/"\ntoken: abc # mine\n'
                                            "color: auto\n")
        found = load_settings(environment=environment)
        self.assertEqual((found.url, found.token), ("http://file:1", "abc"))
        environment["STAGELOG_URL"] = "http://variable:2"
        self.assertEqual(load_settings(environment=environment).url, "http://variable:2")
        found = load_settings("https://given/x/", "t", environment)
        self.assertEqual((found.url, found.token), ("https://given/x", "t"))

    def test_what_cannot_be_an_address_or_a_token(self) -> None:
        for url in ("", "ftp://x", "http://", "http://a b", "http://a?b", "http://u@h"):
            with self.assertRaises(ValueError):
                load_settings(url)
        for token in ("a\nb", " a", "ä"):
            with self.assertRaises(ValueError):
                load_settings("http://x", token)

    def test_a_token_is_not_shown(self) -> None:
        self.assertNotIn("secret", repr(load_settings("http://x", "secret")))


if __name__ == "__main__":
    unittest.main()
