"""The daemon: one thread for the sockets, one for the work."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import zmq

from dnid import __version__
from dnid.engine.result import Progress, Proposed, Subject
from dnid.errors import BadMessage, Cancelled, DniError
from dnid.recipe import Execution, Recipe, Stage
from dnid.service import connection, frames, messages, wire
from dnid.service.connection import Instance
from dnid.service.jobs import (
    Advanced,
    Event,
    Finished,
    Job,
    JobQueue,
    Loaded,
    LoadFailed,
    Outcome,
    Worker,
    as_told,
)
from dnid.service.log import log_file, start_log
from dnid.service.mailbox import Mailbox
from dnid.service.messages import Header, Request, answer, error_answer, progress_answer

if TYPE_CHECKING:
    from dnid.engine.engine import Engine

IDLE_SECONDS = 900.0
STOP_SECONDS = 10.0
"""How long the worker has to notice that it is to end."""
LINGER_MS = 3000
"""How long the last answers have to reach their clients."""

log = logging.getLogger(__name__)


def serve(
    engine_factory: Callable[[], Engine],
    on_demand: bool = False,
    idle_seconds: float = IDLE_SECONDS,
) -> int:
    """Be the user's daemon until told to stop or, on demand, idle for `idle_seconds`.

    To be called in the main thread. Returns the exit code. Raises AlreadyRunning and
    DaemonUnavailable.
    """
    instance = Instance.claim(connection.runtime_folder())
    try:
        start_log(to_terminal=not on_demand)
        Server(instance, engine_factory, idle_seconds if on_demand else math.inf).serve()
    except Exception:
        log.exception("dnid fails")
        raise
    finally:
        instance.release()
    return 0


class Server:
    """Answers messages at once; pictures go to the worker, and its results back."""

    def __init__(
        self, instance: Instance, engine_factory: Callable[[], Engine], idle_seconds: float
    ) -> None:
        self.instance = instance
        self.idle_seconds = idle_seconds
        self.events: Mailbox[Event] = Mailbox()
        self.worker = Worker(engine_factory, self.events.put)
        self.engine: Engine | None = None
        self.loading = False
        self.jobs = JobQueue()
        self.asked_packs: list[tuple[bytes, str]] = []
        """Clients and ids of `packs` requests that wait for the engine."""
        self.stopping = False
        self.started = self.last_active = time.monotonic()

    def serve(self) -> None:
        self.startup()
        try:
            self.main_loop()
        finally:
            self.shutdown()

    def startup(self) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, LINGER_MS)
        self.socket.setsockopt(zmq.MAXMSGSIZE, messages.MAX_FRAME_BYTES)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a send tells when a client is gone
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.poller.register(self.events.fileno(), zmq.POLLIN)
        signal.set_wakeup_fd(self.events.wakeup_fd, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        self.instance.publish(connection.bind(self.socket, self.instance.folder))
        self.worker.start()
        self._load()

    def main_loop(self) -> None:
        while not self.stopping:
            ready = dict(self.poller.poll(self._patience_ms()))
            # Calls, so that no variable keeps a picture while the loop waits.
            self._handle_events()
            if self.socket in ready:
                self._receive(*self.socket.recv_multipart(copy=False))
            self._dispatch()
            if self._idle_left() <= 0:
                log.info("Idle for %.0f s", self.idle_seconds)
                self.stop()

    def shutdown(self) -> None:
        """Tell everyone, give the running job a moment, leave nothing behind."""
        self.instance.withdraw()
        for job in self.jobs.all():
            self._cancel(job)
        deadline = time.monotonic() + STOP_SECONDS
        while self.jobs.running and time.monotonic() < deadline:
            self.events.wait(deadline - time.monotonic())
            self._handle_events()
        self.context.destroy()
        self.worker.stop(max(0.0, deadline - time.monotonic()))
        signal.set_wakeup_fd(-1)
        self.events.close()
        log.info("dnid ends")

    def stop(self) -> None:
        self.stopping = True

    def _idle_left(self) -> float:
        busy = len(self.jobs) or self.asked_packs
        return math.inf if busy else self.last_active + self.idle_seconds - time.monotonic()

    def _patience_ms(self) -> int | None:
        left = self._idle_left()
        return None if left == math.inf else max(0, math.ceil(left * 1000))

    def _receive(self, sender: zmq.Frame, *message: zmq.Frame) -> None:
        self.last_active = time.monotonic()
        client = sender.bytes
        with self._telling(client, ""):
            if not message:
                raise BadMessage("A message begins with a header.")
            header = wire.unpack_header(message[0].buffer)
            name = messages.request_id(header)
            with self._telling(client, name):
                self._answer(client, messages.parse_request(header), message[1:])

    @contextlib.contextmanager
    def _telling(self, client: bytes, name: str) -> Iterator[None]:
        """What goes wrong inside is told to the client, and the daemon goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            told = as_told(error)
            log.info("Refused %r: %.300s", name, told)
            self._send(client, error_answer(name, told))

    def _answer(self, client: bytes, request: Request, payload: Sequence[zmq.Frame]) -> None:
        if payload and not isinstance(request, messages.WITH_PIXELS):
            raise BadMessage("Only restore, auto and subject bring frames.")
        match request:
            case messages.Hello():
                log.info("Hello from %.100r", request.client)
                self._send(client, answer("hello", request.id, **self._identity()))
            case messages.ListPacks():
                self._list_packs(client, request.id)
            case messages.AskStatus():
                self._send(client, answer("status", request.id, **self._status()))
            case messages.Restore() | messages.Auto() | messages.FindSubject():
                self._add_job(_job(client, request, payload))
            case messages.Cancel():
                if job := self.jobs.find(client, request.job):
                    self._cancel(job)
                self._send(client, answer("cancel", request.id))
            case messages.Shutdown():
                self._send(client, answer("shutdown", request.id))
                self.stop()

    def _identity(self) -> Header:
        return {"version": __version__, "pid": os.getpid(), "log": str(log_file())}

    def _status(self) -> Header:
        engine = {"threads": 0, "devices": [], "networks": []}  # until it is loaded
        return {
            **self._identity(),
            "uptime": time.monotonic() - self.started,
            **(self.engine.describe() if self.engine else engine),
            "running": int(self.jobs.running is not None),
            "queued": len(self.jobs.waiting),
        }

    def _list_packs(self, client: bytes, name: str) -> None:
        if self.engine:
            self._send(client, answer("packs", name, packs=self.engine.store.describe()))
        else:
            self.asked_packs.append((client, name))
            self._load()

    def _add_job(self, job: Job) -> None:
        self.jobs.add(job)
        self._tell_place(job, ahead=len(self.jobs) - 1)
        self._load()

    def _load(self) -> None:
        """Once at start, and again for whoever comes after it failed."""
        if not (self.engine or self.loading):
            self.loading = True
            self.worker.load()

    def _dispatch(self) -> None:
        if self.engine and (job := self.jobs.start_next()):
            self.worker.run(self.engine, job)
            self._tell_places()

    def _handle_events(self) -> None:
        for event in self.events.collect():
            self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case Loaded():
                self.loading, self.engine = False, event.engine
                waiting, self.asked_packs = self.asked_packs, []
                for client, name in waiting:
                    with self._telling(client, name):
                        self._list_packs(client, name)
            case LoadFailed():
                self.loading = False
                self._refuse_all(event.error)
            case Advanced():
                self._send(event.job.client, progress_answer(event.job.id, event.progress))
            case Finished():
                with self._telling(event.job.client, event.job.id):
                    self._finish(event.job, event.outcome)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self.jobs.running, self.last_active = None, time.monotonic()
        if isinstance(outcome, DniError):
            log.info("Job %r of %s: %s", job.id, job.image.shape, outcome)
            self._send(job.client, error_answer(job.id, outcome))
            return
        log.info("Job %r of %s: %.2f s", job.id, job.image.shape, outcome.seconds)
        if isinstance(outcome, Proposed):
            self._send(job.client, messages.auto_answer(job.id, outcome))
            return
        form = frames.describe(outcome.pixels)
        if isinstance(outcome, Subject):
            header = messages.subject_answer(job.id, form, outcome)
        else:
            header = messages.result_answer(job.id, form, outcome)
        self._send(job.client, header, [frames.to_frame(outcome.pixels)])

    def _refuse_all(self, error: DniError) -> None:
        """The engine cannot be made: nobody need wait for it."""
        log.warning("The engine cannot be made: %s", error)
        waiting, self.asked_packs = self.asked_packs, []
        for job in self.jobs.all():
            self.jobs.cancel(job)
            waiting.append((job.client, job.id))
        for client, name in waiting:
            self._send(client, error_answer(name, error))

    def _cancel(self, job: Job) -> None:
        if self.jobs.cancel(job):
            self._send(job.client, error_answer(job.id, Cancelled("The job was cancelled.")))
            self._tell_places()

    def _tell_places(self) -> None:
        running = int(self.jobs.running is not None)
        for place, job in enumerate(tuple(self.jobs.waiting)):
            self._tell_place(job, ahead=running + place)

    def _tell_place(self, job: Job, ahead: int) -> None:
        state = "queued" if self.engine or ahead else "loading"
        self._send(job.client, progress_answer(job.id, Progress(state, ahead=ahead)))

    def _send(self, client: bytes, header: Header, payload: Sequence[wire.Frame] = ()) -> None:
        parts = [client, wire.pack_header(header), *payload]
        try:
            self.socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            for job in self.jobs.all():  # gone, or it reads nothing: nobody waits for these
                if job.client == client:
                    self.jobs.cancel(job)


def _job(
    client: bytes,
    request: messages.Restore | messages.Auto | messages.FindSubject,
    payload: Sequence[zmq.Frame],
) -> Job:
    """What the worker is to do. Raises BadMessage and BadImage for frames that do not fit."""
    match request:
        case messages.Restore(name, recipe, how=how):
            image, mask, part = frames.unpack_restore(request, payload)
            return Job(client, name, recipe, image, mask, how, part)
        case messages.Auto(name, recipe, form):
            (image,) = frames.unpack([form], payload)
            return Job(client, name, recipe, image, None, Execution(), kind="auto")
        case messages.FindSubject(name, form, pack):
            (image,) = frames.unpack([form], payload)
            recipe = Recipe((Stage("dof", 0.0, pack=pack),))
            return Job(client, name, recipe, image, None, Execution(), kind="subject")
