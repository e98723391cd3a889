"""Where a logger's events go: to a daemon (here), or into files (journal.py)."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import Callable, List, Optional, Protocol, Sequence

from . import process
from .errors import StagelogError
from .event import Draft
from .http_client import ANSWER_SECONDS, HttpClient
from .outbox import Outbox
from .backoff import Backoff
from .sender import Sender, SenderCallbacks, Step

HEARTBEAT_SECONDS = 5
# Where another process sends, we look this often; and for so long after the last event the spool
# stays ours.
_LOOK_SECONDS = 1.0


class Delivery(Protocol):
    def add(self, drafts: Sequence[Draft]) -> Optional[Exception]: ...
    def flush(self, timeout: Optional[float]) -> bool: ...
    def close(self, patience: float) -> None: ...
    def beat(self, is_on: bool) -> None: ...
    @property
    def dropped(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def problem(self) -> Optional[StagelogError]: ...


class Wake:
    """A flag that a thread waits for. Unlike those of an Event its set() may be interrupted by a
    signal handler or a destructor that calls set() as well."""

    def __init__(self) -> None:
        self._queue: "queue.SimpleQueue[None]" = queue.SimpleQueue()

    def set(self) -> None:
        if self._queue.empty():
            self._queue.put(None)

    def clear(self) -> None:
        while not self._queue.empty():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return

    def wait(self, timeout: Optional[float]) -> bool:
        """True when it was set, which it is no more."""
        try:
            self._queue.get(timeout=None if timeout is None else max(0.0, timeout))
        except queue.Empty:
            return False
        return True


class DaemonDelivery:
    """To the spool at once; from there a thread sends. Safe from any thread."""

    def __init__(self, client: HttpClient, job: str, folder: Optional[str],
                 max_memory_bytes: int, exit_patience: float,
                 on_canceled: Callable[[], None]) -> None:
        self._job = job
        self._exit_patience = exit_patience
        self._on_canceled = on_canceled
        self._say = process.Speaker(job).say
        self._outbox = Outbox(folder, max_memory_bytes, self._say)
        self._sender = Sender(client, job, self._outbox,
                              SenderCallbacks(self._take_job_status, self._say))
        self._is_left_to_other = False
        self._is_canceled = False
        self._is_cancel_told = False
        self._owner = os.getpid()
        self._beats = False
        self._etag: List[str] = []
        self._make()
        process.join(self)

    def _make(self) -> None:
        self._start_lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._wake = Wake()
        self._ends = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._backoff = Backoff(0.1, 2.0)
        self._next_beat = 0.0
        self._is_closed = False
        self._status_seen = 0.0

    @property
    def dropped(self) -> int:
        return self._outbox.dropped

    @property
    def refused(self) -> int:
        return self._sender.refused

    @property
    def problem(self) -> Optional[StagelogError]:
        return self._sender.problem or self._sender.last_refusal

    def add(self, drafts: Sequence[Draft]) -> Optional[Exception]:
        """Together. The error where they are not on the disk."""
        lines = [draft.line(self._job).encode() for draft in drafts]
        problem = self._outbox.add(lines, all(draft.is_log for draft in drafts))
        self._is_closed = False
        self._wake.set()
        if self._ends.is_set() or self._thread is None or not self._thread.is_alive():
            self._start()
        return problem

    def beat(self, is_on: bool) -> None:
        self._beats = is_on

    # --- The thread ---

    def _start(self) -> None:
        # A signal handler that logs must not wait for what it has interrupted.
        if not self._start_lock.acquire(blocking=False):
            return
        try:
            if self._thread is not None and self._thread.is_alive() and not self._ends.is_set():
                return
            self._ends = threading.Event()
            thread = threading.Thread(target=self._run, args=(self._ends,), daemon=True,
                                      name=f"stagelog {self._job}")
            thread.start()
            self._thread = thread
        except RuntimeError:
            pass  # the interpreter is ending: at_exit() sends
        finally:
            self._start_lock.release()

    def _run(self, ends: threading.Event) -> None:
        process.own_work.is_busy = True
        while not ends.is_set():
            # In this order: a wake that is taken here was for something that is seen here.
            self._wake.clear()
            with self._send_lock:
                if ends.is_set():  # close() has sent all, and left
                    return
                step = self._sender.step()
                if step in (Step.SENT, Step.NOTHING, Step.BUSY):
                    self._backoff.reset()
                    self._beat_if_due()
            self._tell_cancel()
            self._wait(step, ends)

    def _beat_if_due(self) -> None:
        now = time.monotonic()
        # In a forked child they are the parent's.
        if not self._beats or now < self._next_beat or os.getpid() != self._owner:
            return
        self._next_beat = now + HEARTBEAT_SECONDS
        try:
            self._sender.send_heartbeat(HEARTBEAT_SECONDS)
            if now - self._status_seen >= HEARTBEAT_SECONDS / 2:
                self._sender.ask_job_status(self._etag)
        except StagelogError:
            pass

    def _wait(self, step: Step, ends: threading.Event) -> None:
        if step is Step.SENT:
            return
        if step is Step.BUSY:
            ends.wait(_LOOK_SECONDS)
        elif step is Step.NOTHING:
            self._wait_for_events(ends)
        else:
            # While the daemon is away only the time matters: new events do not hasten it.
            wait = self._backoff.next()
            ends.wait(max(wait, self._sender.retry_after or 0.0))

    def _wait_for_events(self, ends: threading.Event) -> None:
        if self._wake.wait(_LOOK_SECONDS) or ends.is_set():
            return
        with self._send_lock:
            if ends.is_set() or not self._leave():
                return
        while not ends.is_set():
            left = self._next_beat - time.monotonic() if self._beats else None
            if self._wake.wait(left) or self._outbox.has_unsent():
                return
            with self._send_lock:
                if not ends.is_set():
                    self._beat_if_due()
            self._tell_cancel()

    def _leave(self) -> bool:
        try:
            return self._outbox.leave()
        except OSError:
            return True  # what could not be removed is known by its ids when it is sent again

    # --- What the daemon says of the job ---

    def _take_job_status(self, status: str) -> None:
        self._status_seen = time.monotonic()
        self._is_canceled = status == "canceled"

    def _tell_cancel(self) -> None:
        """Without a lock: the callback may log and flush."""
        if not self._is_canceled or self._is_cancel_told:
            return
        self._is_cancel_told = True
        # What the program logs in its own function is no work of ours.
        was_busy, process.own_work.is_busy = process.is_own_work(), False
        try:
            self._on_canceled()
        except Exception as problem:
            self._say("callback", f"on_cancel raised {problem!r}")
        finally:
            process.own_work.is_busy = was_busy

    # --- Flush and end ---

    def flush(self, timeout: Optional[float]) -> bool:
        """True when all events of this process are with the daemon, or refused."""
        return self._send_all(timeout, attempts=None)

    def _send_all(self, timeout: Optional[float], attempts: Optional[int]) -> bool:
        """`timeout`: seconds without progress. `attempts`: how many may fail."""
        backoff = Backoff(0.1, 2.0)
        started = time.monotonic()
        while True:
            left = 3600.0 if timeout is None else timeout - (time.monotonic() - started)
            if left <= 0 or not self._send_lock.acquire(timeout=left):
                return self._is_all_sent()
            try:
                step = self._sender.step(min(left, ANSWER_SECONDS))
                # Another process may have events of this job, and has to be able to send them.
                is_left = step is Step.NOTHING and self._leave()
            finally:
                self._send_lock.release()
            self._tell_cancel()
            if step is Step.NOTHING:
                if is_left:
                    return True
                continue
            if step is Step.SENT:
                started = time.monotonic() if attempts is not None else started
                continue
            if step is Step.BUSY and self._is_all_sent():
                return True
            self._is_left_to_other = step is Step.BUSY
            if attempts is not None and (step is Step.BUSY or backoff.failures + 1 >= attempts):
                return False
            wait = max(backoff.next(), self._sender.retry_after or 0.0)
            left = wait if timeout is None else timeout - (time.monotonic() - started)
            time.sleep(max(0.0, min(wait, left)))

    def _is_all_sent(self) -> bool:
        try:
            return self._outbox.is_all_sent()
        except OSError:
            return False

    def close(self, patience: float) -> None:
        """Sends what it can. More events may come later: they start the thread again."""
        self._ends.set()
        self._wake.set()
        self._is_closed = True
        # Twice, for the first may have found a connection that a restarted daemon no longer has.
        self._send_all(patience, attempts=2 if self._sender.has_answered else 1)
        # What is in memory must not go with the process; it may be on its way, but has its ids.
        self._outbox.save_memory()
        if not self._send_lock.acquire(timeout=0.1):
            return self._say_waiting()  # the thread is in a request that nobody answers
        try:
            self._leave()
            if self._outbox.settle() > 0 and not self._is_left_to_other:
                self._say_waiting()
            self._sender.close()
        except OSError as problem:
            self._say("settle", f"cannot look into the spool: {problem}")
        finally:
            self._send_lock.release()

    def _say_waiting(self) -> None:
        if self._outbox.folder is None:
            return
        reason = f" ({self._sender.problem})" if self._sender.problem else ""
        self._say("waiting", f"events wait in {self._outbox.folder}{reason}; send them with: "
                             f"stagelog spool flush {self._job}")

    def at_exit(self) -> None:
        self._beats = False
        # What is closed has had its time.
        if not self._is_closed and (self._outbox.has_anything() or self._thread is not None):
            self.close(self._exit_patience)

    # --- Fork ---

    def before_fork(self) -> None:
        self._outbox.before_fork()

    def after_fork_in_parent(self) -> None:
        self._outbox.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        self._outbox.after_fork_in_child()
        self._sender.after_fork_in_child()
        self._beats = False  # they are the parent's
        self._make()
