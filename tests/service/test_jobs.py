"""The queue, and the thread that works it off."""

from __future__ import annotations

import gc
import queue
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.service.processes import PATIENCE, recipe

from dnid.errors import BadMessage, Busy, Cancelled
from dnid.recipe import Execution
from dnid.service import jobs
from dnid.service.jobs import Advanced, Finished, Job, JobQueue, Loaded, LoadFailed, Worker


def job(name: str, client: bytes = b"a", size: int = 1) -> Job:
    return Job(client, name, recipe(), np.empty((size, 1, 1), np.uint8), None, Execution())


def test_order() -> None:
    """Jobs run one at a time, in the order in which they came."""
    line, first, second = JobQueue(), job("1"), job("2")
    line.add(first)
    line.add(second)
    assert line.start_next() is first
    assert line.start_next() is None
    line.running = None
    assert line.start_next() is second


def test_ids_belong_to_their_client() -> None:
    """Two clients may use the same id; one client may not, while its job is unfinished."""
    line = JobQueue()
    line.add(job("1", b"a"))
    line.add(job("1", b"b"))
    line.start_next()
    with pytest.raises(BadMessage):
        line.add(job("1", b"a"))
    assert line.find(b"b", "1") is line.waiting[0]
    assert line.find(b"c", "1") is None


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many jobs, or too many bytes, are refused; one large job alone is not."""
    line = JobQueue()
    for number in range(jobs.MAX_WAITING):
        line.add(job(str(number)))
    with pytest.raises(Busy):
        line.add(job("more"))
    monkeypatch.setattr(jobs, "MAX_WAITING_BYTES", 100)
    line = JobQueue()
    line.add(job("large", size=101))
    with pytest.raises(Busy):
        line.add(job("small"))


def test_cancel() -> None:
    """A waiting job leaves the queue at once; a running one is asked to end."""
    line, running, waiting = JobQueue(), job("1"), job("2")
    line.add(running)
    line.add(waiting)
    line.start_next()
    assert line.cancel(waiting)
    assert not line.cancel(running)
    assert line.all() == [running]
    assert running.cancelled.is_set()


class _Thread:
    """A worker with an engine that does `work`."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.events: queue.Queue[Any] = queue.Queue()
        self.engine: Any = SimpleNamespace(restore=work)
        self.worker = Worker(lambda: self.engine, self.events.put)
        self.worker.start()
        self.worker.load()
        assert self.next() == Loaded(self.engine)

    def next(self) -> Any:  # noqa: ANN401
        return self.events.get(timeout=PATIENCE)


def test_progress_is_thinned() -> None:
    """Of a thousand steps a few are told, the first and the last of them always."""

    def work(*_: object, progress: Callable[[Any], None], **__: object) -> str:
        for done in range(1001):
            progress(SimpleNamespace(state="running", done=done, total=1000))
        return "done"

    thread, one = _Thread(work), job("1")
    thread.worker.run(thread.engine, one)
    told = []
    while isinstance(event := thread.next(), Advanced):
        told.append(event.progress.done)
    assert event == Finished(one, "done")
    assert (told[0], told[-1]) == (0, 1000)
    assert len(told) < 200
    thread.worker.stop(PATIENCE)


def test_pictures_are_freed() -> None:
    """When a job is finished, or has failed, nothing keeps its picture while the worker waits."""

    def work(image: np.ndarray, *_: object, **__: object) -> None:
        raise Cancelled("Cancelled.")

    thread, one = _Thread(work), job("1")
    picture = weakref.ref(one.image)
    thread.worker.run(thread.engine, one)
    assert isinstance(thread.next().outcome, Cancelled)
    del one
    thread.worker.run(thread.engine, job("2"))  # its end tells that the first is behind us
    thread.next()
    gc.collect()
    assert picture() is None
    thread.worker.stop(PATIENCE)


def test_an_engine_that_cannot_be_made() -> None:
    """The worker tells why, and tries again when it is asked to."""
    events: queue.Queue[Any] = queue.Queue()
    tries = iter([Busy("Not now."), None])

    def factory() -> Any:  # noqa: ANN401
        if error := next(tries):
            raise error
        return "engine"

    worker = Worker(factory, events.put)
    worker.start()
    worker.load()
    failed = events.get(timeout=PATIENCE)
    assert isinstance(failed, LoadFailed)
    assert str(failed.error) == "Not now."
    worker.load()
    assert events.get(timeout=PATIENCE) == Loaded("engine")  # type: ignore[arg-type]
    worker.stop(PATIENCE)
