"""The daemon on stdin and stdout, for programs without ZeroMQ (daemon/PROTOCOL.md, Bridge)."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO

import zmq

from dnid.errors import BadMessage, DaemonDied, DniError
from dnid.service import wire
from dnid.service.channel import DAEMON_COMMAND, Channel, open_channel
from dnid.service.log import log_file
from dnid.service.mailbox import Mailbox
from dnid.service.messages import Header, answer, error_answer

LINGER_SECONDS = 1.0
"""How long the last cancels have to reach the daemon."""

Incoming = tuple[Header, list[bytearray]] | BadMessage | None


def run_bridge(stdin: BinaryIO, stdout: BinaryIO, command: Sequence[str] = DAEMON_COMMAND) -> int:
    """Relay messages until stdin ends. Returns the exit code: 2 when stdin cannot be read.

    To be called in the main thread.
    """
    # Unbuffered: a buffer would copy, and its lock hold up the end while a thread still reads.
    source: Any = getattr(stdin, "raw", stdin)
    sink: Any = getattr(stdout, "raw", stdout)
    bridge = Bridge(source.readinto, sink.write, command)
    sys.stdout = sys.stderr  # a stray print would break the framing
    signal.set_wakeup_fd(bridge.incoming.wakeup_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, bridge.be_told_to_end)
    try:
        return bridge.run()
    except (KeyboardInterrupt, BrokenPipeError):  # told to end, or nobody reads any more
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        bridge.hang_up()
        signal.set_wakeup_fd(-1)


class Bridge:
    """One thread reads stdin; this one polls it and the daemon, and writes stdout."""

    def __init__(self, read_into: wire.ReadInto, write: wire.Write, command: Sequence[str]) -> None:
        self.read_into = read_into
        self.write = write
        self.command = command
        self.incoming: Mailbox[Incoming] = Mailbox()
        self.ended = threading.Event()
        """stdin has ended; what was asked is of no use any more."""
        self.channel: Channel | None = None
        self.unfinished: dict[str, object] = {}
        """id → kind of the requests that the daemon has not answered."""
        self.told_to_end = False

    def run(self) -> int:
        threading.Thread(target=self._read_all, name="stdin", daemon=True).start()
        self._connect("")  # at once: the daemon loads while the user still looks
        exit_code = None
        while exit_code is None and not self.told_to_end:
            self._wait()
            self._pass_back()
            exit_code = self._pass_all_on()
        return exit_code or 0

    def be_told_to_end(self, *_: object) -> None:
        """The signal handler: ends a blocking write at once, and `run` in any case."""
        self.told_to_end = True  # an exception in a destructor is ignored, also this one
        raise KeyboardInterrupt

    def hang_up(self) -> None:
        """Cancel what nobody waits for any more."""
        if self.channel is None:
            return
        with contextlib.suppress(DaemonDied):
            for name, kind in self.unfinished.items():
                if kind in ("restore", "auto", "subject"):
                    self.channel.send(answer("cancel", "", job=name))
        self.channel.close(LINGER_SECONDS)

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self.incoming.fileno(), zmq.POLLIN)
        if self.channel:
            self.channel.register(poller)
        poller.poll()

    def _connect(self, name: str) -> None:
        """Open the channel, or tell the request `name` why not."""
        try:
            self.channel = open_channel(
                command=self.command,
                starting=lambda: self._write(
                    answer("bridge", "", state="starting", log=str(log_file()))
                ),
                cancelled=self.ended.is_set,
            )
        except DniError as error:
            self._write(error_answer(name, error))
        else:
            found = self.channel.connection
            identity = {"version": found.version, "pid": found.pid, "log": found.log}
            self._write(answer("bridge", "", state="connected", **identity))

    def _pass_all_on(self) -> int | None:
        """What stdin brought; an exit code when it brings no more."""
        for message in self.incoming.collect():
            if message is None:
                return 0
            if isinstance(message, BadMessage):
                self._write(error_answer("", message))
                return 2
            self._pass_on(*message)
        return None

    def _pass_on(self, header: Header, frames: list[bytearray]) -> None:
        name = header.get("id")
        name = name if isinstance(name, str) else ""
        if self.channel is None:
            self._connect(name)
        if self.channel is None:
            return
        self.unfinished[name] = header.get("kind")
        try:
            self.channel.send(header, frames)
        except BadMessage as error:
            del self.unfinished[name]
            self._write(error_answer(name, error))
        except DaemonDied as error:
            self._lose(error)

    def _pass_back(self) -> None:
        try:
            while self.channel and (message := self.channel.receive(0)):
                header, frames = message
                if header.get("kind") != "progress":
                    self.unfinished.pop(header.get("id", ""), None)
                self._write(header, frames)
        except (DaemonDied, BadMessage) as error:
            self._lose(error)

    def _lose(self, error: DniError) -> None:
        """The daemon is gone; the next request starts another."""
        for name in self.unfinished:
            self._write(error_answer(name, error))
        self.unfinished.clear()
        if self.channel:
            self.channel.close()
        self.channel = None

    def _write(self, header: Header, frames: Sequence[wire.Frame] = ()) -> None:
        wire.write_message(self.write, header, frames)

    def _read_all(self) -> None:
        while self._read_one():
            pass
        self.ended.set()

    def _read_one(self) -> bool:
        # A function of its own, so that no variable keeps a picture while the thread waits.
        try:
            message: Incoming = wire.read_message(self.read_into)
        except BadMessage as error:
            message = error
        except MemoryError:
            message = BadMessage("There is not enough memory for the message.")
        except OSError:
            message = None
        self.incoming.put(message)
        return isinstance(message, tuple)
