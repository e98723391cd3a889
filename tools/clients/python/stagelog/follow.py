"""A cursor over a daemon's events: each event once and in order, over reconnects, restarts of the
daemon, and proxies.

What to do next is decided here; how it is done is for stream.py and astream.py. So the two cannot
differ: both carry out the steps that Follower.run() yields, and send the results back."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional

from .backoff import Backoff
from .errors import UnreachableError
from .event import Event
from .follow_request import FollowRequest
from .follow_steps import Deliver, Fetch, Open, Read, Sleep, Status, Steps, Tell
from .http_client import ANSWER_SECONDS, Answer, error_of, job_target
from .json_text import object_of
from .sse import Frame, FrameTooLarge, SseParser

_POLL_WAIT_SECONDS = 10
# The first frame comes at once, also where there are no events; heartbeats come every 5 seconds.
_FIRST_FRAME_SECONDS = 5.0
_PROBE_SECONDS = 2.0
_SILENCE_SECONDS = 12.0
# One cut before the first frame may be chance (a daemon that starts); three are somebody's doing.
_CUTS_UNTIL_BLOCKED = 3
_LONGEST_STREAM_RETRY_SECONDS = 600.0
_UNREADABLE_TRIES = 3


class _Blocked(Exception):
    """The daemon answers, but streams do not get through."""


class Follower:
    def __init__(self, request: FollowRequest, url: str) -> None:
        self._request = request
        self._url = url
        self._cursor = request.after or 0
        self._journal_id = ""
        self._head_seq = 0  # when the stream began: up to there it is a replay
        self._backoff = Backoff(2.0, 30.0)
        self._silence = request.silence_seconds or _SILENCE_SECONDS
        self._is_polling = False
        self._is_probe = False
        self._is_over = False
        self._stream_retry = request.stream_retry_seconds
        self._cuts = 0
        self._unreadable = (0, 0)  # how often, behind which cursor
        self._state = ""

    def run(self) -> Steps:
        yield from self._begin()
        while not self._is_over:
            try:
                yield from self._poll() if self._is_polling else self._stream()
            except _Blocked as why:
                self._is_polling = True
                yield from self._tell("polling", str(why))
            except UnreachableError as why:
                self._is_polling = self._is_probe = False  # what was in the way may have gone too
                yield from self._tell("offline", str(why))
                yield Sleep(self._backoff.next())
        yield from self._tell("ended")

    def _begin(self) -> Steps:
        """The first page says whether there is a daemon that takes us, and makes an exact cursor
        of a start like "now" or "10m", which would mean something else at the next attempt."""
        while True:
            try:
                answer = yield Fetch(self._request.first_poll(), ANSWER_SECONDS)
                yield from self._take_answer(answer)
                return
            except UnreachableError as why:
                if not self._request.waits_at_start:
                    raise
                yield from self._tell("offline", str(why))
                yield Sleep(self._backoff.next())

    # --- SSE ---

    def _stream(self) -> Steps:
        parser, saw_frame, is_silence = SseParser(), False, False
        head: Optional[Answer] = None
        why = "the stream ended"
        limit = min(self._silence, _PROBE_SECONDS if self._is_probe else _FIRST_FRAME_SECONDS)
        last_frame = time.monotonic()
        try:
            fields = {"Accept": "text/event-stream", "Last-Event-ID": str(self._cursor)}
            head = yield Open(self._request.stream(self._cursor, self._journal_id), fields, limit)
            while head is not None and _is_stream(head):
                content = yield Read(limit)
                if not content:
                    break
                frames = parser.feed(content)
                if parser.retry_ms is not None:
                    self._backoff.set_first(parser.retry_ms / 1_000)
                if frames:
                    self._note_connected()
                    saw_frame, last_frame, limit = True, time.monotonic(), self._silence
                    yield from self._take_frames(frames)
                    limit = self._silence
                    last_frame = time.monotonic()  # the consumer's own time is no silence
                if self._is_over:
                    return
                # Bytes that never make a frame are silence too.
                if time.monotonic() - last_frame >= limit:
                    raise UnreachableError("no frame in time", is_silence=True)
        except UnreachableError as problem:
            why, is_silence = str(problem), problem.is_silence
        except FrameTooLarge as problem:
            why = str(problem)
        if head is not None and head.status == 204 and self._request.until_terminal:
            self._is_over = True
            return
        # A daemon that has too much to do says `retry:` and closes.
        if saw_frame or parser.retry_ms is not None:
            self._cuts = 0
            raise UnreachableError(why)
        yield from self._judge_unstarted(head, why, is_silence)

    def _judge_unstarted(self, head: Optional[Answer], why: str, is_silence: bool) -> Steps:
        """No frame came. Was that the daemon, or does something keep streams away from us?"""
        is_refused = head is not None and not _is_stream(head)
        if not self._is_probe and not is_refused and not is_silence:
            self._cuts += 1
            if self._cuts < _CUTS_UNTIL_BLOCKED:
                raise UnreachableError(why)
        yield from self._poll_once(0)  # raises where it is the daemon that refuses, or is away
        if head is None or _is_stream(head):
            raise _Blocked("no data in time (is a proxy buffering?)" if is_silence else why)
        if head.status != 200:
            raise _Blocked(f"the stream is answered with {head.status}")
        kind = head.headers.get("content-type", "")[:64]
        raise _Blocked(f"the stream comes as {kind!r} and not as text/event-stream")

    def _note_connected(self) -> None:
        self._backoff.reset()
        self._is_probe = False
        self._stream_retry = self._request.stream_retry_seconds

    def _take_frames(self, frames: List[Frame]) -> Steps:
        events: List[Event] = []
        for frame in frames:
            if not frame.event or frame.event == "message":
                if frame.id is None:
                    continue  # no event of a journal
                if self._take_event(frame.data, events):
                    continue
            if events:
                yield Deliver(events)
                events = []
            if frame.event and frame.event != "message":
                yield from self._take_control(frame.event, object_of(frame.data))
            else:
                yield from self._pass_unreadable(frame.id or "")
            if self._is_over:
                return
        if events:
            yield Deliver(events)
            if self._state == "replaying" and self._cursor >= self._head_seq:
                yield from self._tell("live")

    def _take_event(self, data: str, events: List[Event]) -> bool:
        """False where it cannot be read."""
        try:
            event = Event(data)
        except (ValueError, RecursionError):
            return False
        if event.seq > self._cursor:
            self._cursor = event.seq
            events.append(event)
        return True

    def _pass_unreadable(self, id: str) -> Steps:
        """Something between may have damaged it: it is asked for again. What stays unreadable is a
        gap."""
        if not id.isdigit() or not self._is_given_up():
            raise UnreachableError(f"the event after seq {self._cursor} cannot be read")
        missed = max(0, int(id) - self._cursor)
        self._cursor = max(self._cursor, int(id))
        yield from self._tell("gap", f"the event with seq {id} cannot be read", missed)

    def _is_given_up(self) -> bool:
        """The event behind the cursor has been asked for often enough."""
        times, cursor = self._unreadable
        self._unreadable = (times + 1 if cursor == self._cursor else 1, self._cursor)
        return self._unreadable[0] >= _UNREADABLE_TRIES

    def _take_control(self, name: str, data: Dict[str, Any]) -> Steps:
        if name == "connected":
            self._journal_id = str(data.get("journal_id", ""))
            self._head_seq = _integer(data, "head_seq", 0)
            beat = data.get("heartbeat_seconds")
            if self._request.silence_seconds is None and isinstance(beat, (int, float)):
                self._silence = 2.0 * min(max(float(beat), 1.0), 300.0) + 2.0
            is_behind = _integer(data, "resumed_after", self._cursor) < self._head_seq
            yield from self._tell("replaying" if is_behind else "live")
        elif name == "heartbeat":
            if _integer(data, "sent_through", 0) >= self._head_seq:
                yield from self._tell("live")
        elif name == "gap":
            yield from self._take_gap(data)
        elif name == "end":
            self._is_over = True
            yield from self._tell("ended", str(data.get("reason", "")))

    def _take_gap(self, data: Dict[str, Any]) -> Steps:
        before = self._cursor
        self._cursor = _integer(data, "resumed_after", self._cursor)
        reason = str(data.get("reason", ""))
        # Behind the head of a journal, or in another one, nobody can count.
        is_counted = reason not in ("beyond_head", "other_journal") and self._cursor > before
        yield from self._tell("gap", f"{reason}; continuing after seq {self._cursor}",
                              self._cursor - before if is_counted else None)

    # --- Polling ---

    def _poll(self) -> Steps:
        started = time.monotonic()
        while not self._is_over:
            left = self._stream_retry - (time.monotonic() - started)
            if left <= 0:
                self._stream_retry = min(self._stream_retry * 2, _LONGEST_STREAM_RETRY_SECONDS)
                self._is_polling, self._is_probe = False, True
                return
            yield from self._poll_once(max(1, min(int(left), _POLL_WAIT_SECONDS)))

    def _poll_once(self, wait_seconds: int) -> Steps:
        answer = yield Fetch(self._request.poll(self._cursor, wait_seconds),
                             ANSWER_SECONDS + wait_seconds)
        yield from self._take_answer(answer)

    def _take_answer(self, answer: Answer) -> Steps:
        if answer.ok:
            yield from self._take_page(answer)
            return
        problem = answer.json()
        code = problem.get("code")
        if code == "cursor_beyond_head":
            yield from self._take_gap({"reason": "beyond_head",
                                       "resumed_after": problem.get("head_seq")})
        elif code == "unknown_job":
            if self._is_polling:
                yield Sleep(1.0)
        elif answer.status in (408, 429):
            yield Sleep(answer.retry_after or 1.0)
            raise UnreachableError(f"{self._url} answers {answer.status}")
        else:
            raise error_of(answer, self._url)

    def _take_page(self, answer: Answer) -> Steps:
        next_after = answer.headers.get("stagelog-next-after", "")
        if not next_after.isdigit():
            raise UnreachableError(f"{self._url} responds, but not like a stagelog daemon")
        if self._is_polling:
            self._backoff.reset()
        events: List[Event] = []
        missed, is_given_up = 0, False
        for line in answer.body.decode("utf-8", "replace").split("\n"):
            if not line or self._take_event(line, events):
                continue
            missed += 1
            is_given_up = is_given_up or self._is_given_up()
            if not is_given_up:
                break
        if events:
            yield Deliver(events)
        if missed > 0 and not is_given_up:
            raise UnreachableError(f"the event after seq {self._cursor} cannot be read")
        if missed > 0:
            yield from self._tell("gap", "events that cannot be read", missed)
        self._cursor = max(self._cursor, int(next_after))
        has_more = answer.headers.get("stagelog-has-more") == "true"
        if self._is_polling and self._request.until_terminal and not has_more:
            yield from self._look_whether_over()

    def _look_whether_over(self) -> Steps:
        """What the `end` frame of a stream says must be asked for here."""
        answer = yield Fetch(job_target(self._request.job or ""), ANSWER_SECONDS)
        job = answer.json()
        is_over = job.get("status") in ("completed", "failed", "canceled")
        if is_over and _integer(job, "as_of_seq", self._cursor + 1) <= self._cursor:
            self._is_over = True

    def _tell(self, state: str, detail: str = "", missed: Optional[int] = None) -> Steps:
        if state == self._state and state != "gap":
            return
        if state != "gap":
            self._state = state
        yield Tell(Status(state, detail, missed))


def _is_stream(head: Answer) -> bool:
    kind = head.headers.get("content-type", "")
    return head.status == 200 and kind.startswith("text/event-stream")


def _integer(data: Mapping[str, Any], key: str, otherwise: int) -> int:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
