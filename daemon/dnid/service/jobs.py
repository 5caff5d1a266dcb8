"""The work: a bounded queue, and one thread that owns the engine."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dnid.engine.result import Progress, Proposed, Restored, Subject
from dnid.errors import BadMessage, Busy, DniError, InternalError, from_code
from dnid.recipe import Execution, Recipe

if TYPE_CHECKING:
    import numpy as np

    from dnid.engine.engine import Engine
    from dnid.engine.part import Part

MAX_WAITING = 32
MAX_WAITING_BYTES = 2**31
PROGRESS_SECONDS = 0.05
"""Between two messages of one job."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    client: bytes
    """Routing id; two clients may choose the same id."""
    id: str
    recipe: Recipe
    image: np.ndarray
    """H×W×C."""
    mask: np.ndarray | None
    """H×W."""
    how: Execution
    part: Part | None = None
    """Where image and mask lie in a larger picture."""
    kind: str = "restore"
    """Or `auto`, to propose the recipe's strengths, or `subject`, to find what the recipe's
    dof pack keeps sharp."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def nbytes(self) -> int:
        whole = (None, None) if self.part is None else (self.part.image, self.part.mask)
        return sum(p.nbytes for p in (self.image, self.mask, *whole) if p is not None)


class JobQueue:
    """The jobs in the order in which they came. Used by the I/O thread only."""

    def __init__(self) -> None:
        self.waiting: deque[Job] = deque()
        self.running: Job | None = None

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)

    def add(self, job: Job) -> None:
        """Raises Busy or BadMessage."""
        if self.find(job.client, job.id):
            raise BadMessage(f"A job with the id {job.id!r} is not finished yet.")
        size = sum(other.nbytes for other in self.waiting) + job.nbytes
        if len(self.waiting) >= MAX_WAITING or (self.waiting and size > MAX_WAITING_BYTES):
            raise Busy("Too many pictures wait already; try again when some are done.")
        self.waiting.append(job)

    def find(self, client: bytes, name: str) -> Job | None:
        matches = (job for job in self.all() if (job.client, job.id) == (client, name))
        return next(matches, None)

    def all(self) -> list[Job]:
        return [*([self.running] if self.running else []), *self.waiting]

    def start_next(self) -> Job | None:
        """The job that runs from now on, if one waits and none runs."""
        if self.running or not self.waiting:
            return None
        self.running = self.waiting.popleft()
        return self.running

    def cancel(self, job: Job) -> bool:
        """Whether it was taken out of the queue; one that runs ends by itself."""
        job.cancelled.set()
        if job is self.running:
            return False
        self.waiting.remove(job)
        return True


Done = Restored | Proposed | Subject
Outcome = Done | DniError


@dataclass(frozen=True)
class Loaded:
    engine: Engine


@dataclass(frozen=True)
class LoadFailed:
    error: DniError


@dataclass(frozen=True)
class Advanced:
    job: Job
    progress: Progress


@dataclass(frozen=True)
class Finished:
    job: Job
    outcome: Outcome


Event = Loaded | LoadFailed | Advanced | Finished


class Worker:
    """One thread that makes the engine and runs jobs; it tells what happens, as events."""

    def __init__(self, engine_factory: Callable[[], Engine], tell: Callable[[Event], None]) -> None:
        self._engine_factory = engine_factory
        self._tell = tell
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def load(self) -> None:
        """Make the engine: ends with Loaded or LoadFailed."""
        self._tasks.put(self._load)

    def run(self, engine: Engine, job: Job) -> None:
        """Ends with Finished."""
        self._tasks.put(partial(self._run, engine, job))

    def stop(self, timeout: float) -> None:
        """After the current task; a thread that does not get there ends with the process."""
        self._tasks.put(None)
        self._thread.join(timeout)

    def _main(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        # A function of its own, so that no variable keeps a picture while the thread waits.
        task = self._tasks.get()
        if task is not None:
            task()
        return task is not None

    def _load(self) -> None:
        try:
            engine = self._engine_factory()
        except Exception as error:  # noqa: BLE001 (told to whoever asks)
            self._tell(LoadFailed(as_told(error)))
        else:
            self._tell(Loaded(engine))

    def _run(self, engine: Engine, job: Job) -> None:
        try:
            outcome: Outcome = self._do(engine, job)
        except Exception as error:  # noqa: BLE001 (told to the client)
            outcome = as_told(error)
        self._tell(Finished(job, outcome))

    def _do(self, engine: Engine, job: Job) -> Done:
        match job.kind:
            case "auto":
                return engine.propose(job.image, job.recipe)
            case "subject":
                return engine.subject(job.image, job.recipe.stages[0].pack)
        return engine.restore(
            job.image,
            job.recipe,
            job.mask,
            part=job.part,
            how=job.how,
            progress=self._throttled(job),
            cancelled=job.cancelled.is_set,
        )

    def _throttled(self, job: Job) -> Callable[[Progress], None]:
        """Tells every change of state and every end; in between one in PROGRESS_SECONDS."""
        state, told = "", 0.0

        def progress(now: Progress) -> None:
            nonlocal state, told
            due = time.monotonic() - told >= PROGRESS_SECONDS
            if due or now.state != state or now.done == now.total:
                state, told = now.state, time.monotonic()
                self._tell(Advanced(job, now))

        return progress


def as_told(error: Exception) -> DniError:
    """What the client gets to know of it; the log keeps the rest."""
    if isinstance(error, DniError):
        return from_code(error.code, str(error))  # a copy: a traceback keeps the pictures alive
    log.error("Unexpected error", exc_info=error)
    return InternalError("Something went wrong inside dnid; the log has the details.")
