"""What a host program written in Python imports: signs of life, calls, and a flight recorder that outlives it.

    import mainstay_host

    host = mainstay_host.connect("echo", 3)
    host.serve(lambda call, request: request)

It needs Python 3.9 and Linux, and nothing but the standard library. `echo.py` is an example;
docs/reference/host-protocol.md is what is spoken. Calls are answered one after the other on the thread that serves.

A sign of life needs the interpreter, so code in C that never lets go of its lock silences this host. That is what it
should look like: such a process can do nothing else either.
"""

import array
import collections
import mmap
import os
import select
import socket
import struct
import threading
import time
from typing import Any, Callable, Iterable, Optional, Union

__all__ = ["Call", "ConnectError", "Failure", "Host", "ParentGone", "connect"]

PANICKED, TOO_LARGE, MALFORMED, STOPPING, WRONG_FORM, BUSY = 1, 2, 3, 4, 5, 6
#: A contract's own codes begin here.
FIRST_OWN = 1000
#: How the process ends that does not come back from what it does: after a stop, and after its parent is gone.
EXIT_STOP_OVERDUE, EXIT_PARENT_GONE = 121, 122

_PACKET_MOST = 4096
_BODY_MOST = 1 << 30
_WAITING_MOST = 1024
_PATIENCE = 15.0
_BOUND = 5.0
_HEAD = struct.Struct("<IBQ")
_UNBOUNDED = (1 << 64) - 1


class ConnectError(Exception):
    """Why this process is not connected with a parent."""


class ParentGone(Exception):
    """The parent is gone. There is nothing left to do but to end."""


class Failure(Exception):
    """Raised by what answers a call: the caller is told the code and the message, and the host goes on."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Cancelled(Exception):
    """Nobody waits for the rest of a stream. It ends the stream, and nobody needs to catch it."""


def connect(contract: str, version: int) -> "Host":
    """Connects with the parent that started this process; once, and early.

    The variables stay in `os.environ`: whoever starts other programs removes them from theirs.
    """
    numbers = os.environ.get("MAINSTAY_HOST")
    if numbers is None:
        raise ConnectError("MAINSTAY_HOST is not set: start this program as a child of kind `host`")
    try:
        given = [int(number) for number in numbers.split(",")]
    except ValueError:
        given = []
    if not 2 <= len(given) <= 3 or len(set(given)) != len(given) or min(given) < 3:
        raise ConnectError(f"MAINSTAY_HOST is `{numbers}`, which is not two or three different numbers")
    try:
        secret = bytes.fromhex(os.environ.get("MAINSTAY_HOST_SECRET", ""))
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise ConnectError("MAINSTAY_HOST_SECRET is not the 64 hexadecimal digits that the parent sets")
    if connect.__dict__.setdefault("taken", given) is not given:
        raise ConnectError("this process has connected before")
    for number in given:
        try:
            os.set_inheritable(number, False)
        except OSError as error:
            raise ConnectError(f"descriptor {number} of MAINSTAY_HOST is not open") from error
    try:
        control, calls = socket.socket(fileno=given[0]), socket.socket(fileno=given[1])
    except OSError as error:
        raise ConnectError("the descriptors of MAINSTAY_HOST are not sockets") from error
    if control.type != socket.SOCK_SEQPACKET or calls.type != socket.SOCK_STREAM:
        raise ConnectError("the descriptors of MAINSTAY_HOST are not the sockets they should be")
    return Host(control, calls, _Ring(given[2]) if len(given) == 3 else None, secret, contract, version)


class Call:
    """A call that is being answered."""

    def __init__(self, host: "Host", transport: "_Transport", number: int, credit: int) -> None:
        self.host = host
        self.number = number
        self.since = time.monotonic()
        self.is_stream = credit >= 0
        self._transport = transport
        self._credit = credit
        self._is_cancelled = False
        self._body = b""

    def is_cancelled(self) -> bool:
        """Returns whether nobody waits for the answer any more. It looks, without waiting."""
        self._transport.take_in(wait=False, refuse=True)
        return self._is_forgotten()

    def _is_forgotten(self) -> bool:
        return self._is_cancelled or self._transport.is_closed

    def _send(self, item: bytes) -> None:
        if len(item) > self.host.most:
            raise Failure(TOO_LARGE, f"an item has {len(item)} bytes of at most {self.host.most}")
        while not self._is_forgotten() and self._credit == 0:
            self._transport.take_in(wait=True, refuse=True)
        if self._is_forgotten():
            raise Cancelled()
        self._credit -= 1
        self._transport.write(b"i", self.number, item)


class Host:
    """This process, as a host of its parent. All but `serve` may be called by any thread, and waits for nothing."""

    def __init__(self, control: socket.socket, calls: socket.socket, ring: "Optional[_Ring]", secret: bytes,
                 contract: str, version: int) -> None:
        self._control = control
        self._ring = ring
        self._lock = threading.Lock()
        self._owed: "collections.OrderedDict[bytes, bytes]" = collections.OrderedDict()
        self._life_bell, self._serve_bell = _Bell(), _Bell()
        self._is_ready = False
        self._call: Optional[Call] = None
        self._done = 0
        self._reloads = 0
        self._ending: Optional[bytes] = None
        self._next_calls: Optional[socket.socket] = None
        control.setblocking(False)
        self.run, self._every, self.most = self._greet(secret, contract, version)
        self._transport = _Transport(self, calls)
        threading.Thread(target=self._live, name="mainstay-life", daemon=True).start()

    def ready(self) -> None:
        """Tells that calls can be served. Serving tells it where nobody has."""
        self._is_ready = True
        self._tell(b"R")

    def status(self, text: str) -> None:
        """Tells what the host does, for people."""
        self._tell(b"S", _cut(text, _PACKET_MOST - 1))

    def recycle(self, reason: str) -> None:
        """Asks to be replaced by a fresh run, which is no failure."""
        self._tell(b"Y", _cut(reason, _PACKET_MOST - 1))

    def progress(self) -> None:
        """Tells that pending work has moved."""
        self._tell(b"P")

    def extend(self, seconds: float) -> None:
        """Asks for more time to start or to stop."""
        self._tell(b"E", struct.pack("<Q", min(int(seconds * 1000), _UNBOUNDED)))

    def record(self, text: str) -> None:
        """Notes what is about to happen, where it is read when this process has died of it."""
        call = self._call
        self._note(call.number if call else 0, 0, text)

    def serve(self, answer: "Callable[[Call, bytes], Union[bytes, Iterable[bytes]]]",
              reload: Optional[Callable[[], Any]] = None) -> None:
        """Answers calls on this thread until the parent asks the host to end; raises ParentGone where it is gone.

        What `answer` returns answers the call: bytes, or, where the caller asked for a stream, anything that bytes can
        be taken from one after the other, such as a generator. What it raises is told to the caller.
        """
        if not self._is_ready:
            self.ready()
        reloads = 0
        while True:
            with self._lock:
                socket_, self._next_calls = self._next_calls, None
            if socket_ is not None:
                self._transport = _Transport(self, socket_)
                self._tell(b"C")
            transport = self._transport
            if self._ending == b"gone":
                raise ParentGone("the parent of this host is gone")
            if self._ending is not None:
                transport.refuse_all()
                return
            if reloads != self._reloads:
                reloads = self._reloads
                if reload is not None:
                    reload()
                self._tell(b"L")
            elif transport.waiting and not transport.is_closed:
                self._answer(answer, transport.waiting.popleft())
            else:
                transport.take_in(wait=True, refuse=False, bell=self._serve_bell)

    def _answer(self, answer: Callable[[Call, bytes], Any], call: Call) -> None:
        self._call = call
        self._note(call.number, 1, f"{len(call._body)} bytes")
        kind, body = b"e", b""
        try:
            answered = answer(call, call._body)
            if call.is_stream:
                if isinstance(answered, (bytes, bytearray, str)):
                    raise Failure(WRONG_FORM, "this request is answered by one reply")
                for item in answered:
                    call._send(item)
                kind = b"z"
            elif not isinstance(answered, (bytes, bytearray)):
                raise Failure(WRONG_FORM, "this request is answered by a stream")
            elif len(answered) > self.most:
                raise Failure(TOO_LARGE, f"the reply has {len(answered)} bytes of at most {self.most}")
            else:
                kind, body = b"a", bytes(answered)
        except Failure as failure:
            body = struct.pack("<I", failure.code) + failure.message.encode()
        except Cancelled:
            body = struct.pack("<I", STOPPING) + b"nobody waits for the rest of the stream"
        except Exception as error:  # What the author did not foresee is told to the caller as well.
            body = struct.pack("<I", PANICKED) + f"{type(error).__name__}: {error}".encode()
        if kind == b"e":
            self._note(call.number, 3, body[4:].decode())
        else:
            self._note(call.number, 2, "")
        if not call._is_forgotten():
            call._transport.write(kind, call.number, body[: max(self.most, 4)])
        with self._lock:
            self._call = None
            self._done += 1

    def _greet(self, secret: bytes, contract: str, version: int) -> "tuple[int, int, int]":
        name = _cut(contract, _PACKET_MOST // 4)
        hello = struct.pack("<H32sIH", 1, secret, version, len(name)) + name + b"mainstay_host.py 0.1.0"
        self._send(b"H" + hello)
        if not select.select([self._control], [], [], _PATIENCE)[0]:
            raise ConnectError("the parent has not answered hello")
        heard, descriptors = self._hear()
        for descriptor in descriptors:
            os.close(descriptor)
        if not heard:
            raise ConnectError("the parent closed the control socket before it answered hello")
        if heard[:1] == b"x":
            raise ConnectError("the parent refuses this host: " + heard[1:].decode(errors="replace"))
        if heard[:1] == b"s":
            raise ConnectError("the parent asked this host to end before it had begun")
        if heard[:1] != b"w" or len(heard) != 17:
            raise ConnectError("the parent's answer to hello is not understood")
        return struct.unpack("<QII", heard[1:])

    def _live(self) -> None:
        beat, overdue, code, hears = time.monotonic(), None, 0, True
        while True:
            now = time.monotonic()
            if hears and self._every and beat <= now:
                self._beat(now)
                beat = now + self._every / 1000
            if overdue is not None and overdue <= now:
                self._note(0, 0, "does not come to its end")
                os._exit(code)
            moments = ([beat] if hears and self._every else []) + ([overdue] if overdue is not None else [])
            asked = select.poll()
            asked.register(self._life_bell.ear, select.POLLIN)
            if hears:
                with self._lock:
                    owes = self._settle()
                asked.register(self._control, select.POLLIN | (select.POLLOUT if owes else 0))
            wait = max(0.0, min(moments) - now) if moments else None
            asked.poll(None if wait is None else wait * 1000 + 1)
            self._life_bell.hush()
            while hears:
                try:
                    heard, descriptors = self._hear()
                except BlockingIOError:
                    break
                now = time.monotonic()
                if not heard:
                    hears, overdue, code = False, now + _BOUND, EXIT_PARENT_GONE
                    self._ending = b"gone"
                    self._transport.close()
                elif heard[:1] == b"s" and len(heard) == 9:
                    within = struct.unpack("<Q", heard[1:])[0]
                    overdue = None if within > 1 << 50 else now + within / 1000 + _BOUND
                    code = EXIT_STOP_OVERDUE
                    self._ending = self._ending or b"stop"
                elif heard == b"l":
                    self._reloads += 1
                elif heard == b"c" and descriptors:
                    with self._lock:
                        self._next_calls = socket.socket(fileno=descriptors.pop(0))
                    self._transport.close()
                else:
                    self._note(0, 0, "heard nonsense on the control socket")
                for descriptor in descriptors:
                    os.close(descriptor)
                self._serve_bell.ring()

    def _beat(self, now: float) -> None:
        with self._lock:
            call, waiting = self._call, len(self._transport.waiting)
            oldest = int((now - call.since) * 1000) if call else 0
            packet = struct.pack("<IQQ", waiting + (call is not None), self._done, max(oldest, 0))
        self._send(b"B" + packet)

    def _tell(self, kind: bytes, fields: bytes = b"") -> None:
        with self._lock:
            if self._settle() or not self._send(kind + fields):
                self._owed.pop(kind, None)
                self._owed[kind] = kind + fields
                self._life_bell.ring()

    def _settle(self) -> bool:
        while self._owed:
            kind, packet = next(iter(self._owed.items()))
            if not self._send(packet):
                return True
            del self._owed[kind]
        return False

    def _send(self, packet: bytes) -> bool:
        try:
            self._control.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError:  # That the parent is gone is seen where it is read from.
            pass
        return True

    def _hear(self) -> "tuple[bytes, list[int]]":
        room = socket.CMSG_SPACE(4 * array.array("i").itemsize)
        try:
            heard, ancillary, _, _ = self._control.recvmsg(_PACKET_MOST + 1, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            raise
        except OSError:
            return b"", []
        descriptors = array.array("i")
        for level, kind, some in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(some[: len(some) - len(some) % descriptors.itemsize])
        return heard, list(descriptors)

    def _note(self, call: int, mark: int, text: str) -> None:
        if self._ring is not None:
            self._ring.note(call, mark, text)


class _Transport:
    """One calls socket, from when it is given until it is closed or another is."""

    def __init__(self, host: Host, socket_: socket.socket) -> None:
        self.waiting: "collections.deque[Call]" = collections.deque()
        self.is_closed = False
        self._host = host
        self._socket = socket_
        self._unread = bytearray()
        self._skip = 0
        socket_.setblocking(True)

    def close(self) -> None:
        """Ends it for both sides. Whoever waits in it comes back."""
        self.is_closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # It is closed already, which is what is wanted.
            pass

    def write(self, kind: bytes, call: int, body: bytes) -> None:
        try:
            self._socket.sendall(_HEAD.pack(len(body), kind[0], call) + body, socket.MSG_NOSIGNAL)
        except OSError:  # That the parent is gone is seen where it is read from.
            pass

    def take_in(self, wait: bool, refuse: bool, bell: "Optional[_Bell]" = None) -> bool:
        """Takes in what has come; waits for something, or for the bell. Returns whether something came."""
        asked = select.poll()
        if not self.is_closed:
            asked.register(self._socket, select.POLLIN)
        if bell is not None:
            asked.register(bell.ear, select.POLLIN)
        ready = [descriptor for descriptor, _ in asked.poll(None if wait else 0)]
        if bell is not None and bell.ear in ready:
            bell.hush()
        if self.is_closed or self._socket.fileno() not in ready:
            return False
        try:
            some = self._socket.recv(1 << 16)
        except OSError:
            some = b""
        if not some:
            self.close()
            return False
        self._unread += some
        try:
            while not self.is_closed and self._frame(refuse):
                pass
        except ValueError as error:
            self._host._note(0, 0, f"the calls socket makes no sense and is closed: {error}")
            self.close()
        return True

    def refuse_all(self) -> None:
        """Says no to all that has been asked and has not begun."""
        while True:
            while self.waiting:
                self._refuse(self.waiting.popleft().number, STOPPING, "")
            if not self.take_in(wait=False, refuse=False):
                return

    def _frame(self, refuse: bool) -> bool:
        skipped = min(self._skip, len(self._unread))
        del self._unread[:skipped]
        self._skip -= skipped
        if self._skip or len(self._unread) < _HEAD.size:
            return False
        length, kind, number = _HEAD.unpack_from(self._unread)
        letter = chr(kind)
        if number == 0 or length > _BODY_MOST or letter not in "qQcm":
            raise ValueError("it is no head of a frame")
        if (letter == "c" and length) or (letter == "m" and length != 4) or (letter == "Q" and length < 4):
            raise ValueError(f"a frame of kind {letter} with a body of {length} bytes")
        if length > max(self._host.most, 4):
            del self._unread[: _HEAD.size]
            self._skip = length
            self._refuse(number, TOO_LARGE, f"the request has {length} bytes")
            return True
        if len(self._unread) < _HEAD.size + length:
            return False
        body = bytes(self._unread[_HEAD.size : _HEAD.size + length])
        del self._unread[: _HEAD.size + length]
        running = self._host._call
        calls = [call for call in [running, *self.waiting] if call and call._transport is self]
        named = next((call for call in calls if call.number == number), None)
        if letter == "c" and named is not None:
            named._is_cancelled = True
            if named is not running:
                self.waiting.remove(named)
        elif letter == "m" and named is not None:
            named._credit += struct.unpack("<I", body)[0]
        elif letter in "qQ" and refuse and len(self.waiting) >= _WAITING_MOST:
            self._refuse(number, BUSY, f"{len(self.waiting)} calls wait already")
        elif letter in "qQ":
            credit = struct.unpack_from("<I", body)[0] if letter == "Q" else -1
            call = Call(self._host, self, number, credit)
            call._body = body[4:] if letter == "Q" else body
            self.waiting.append(call)
        return True

    def _refuse(self, call: int, code: int, message: str) -> None:
        self.write(b"e", call, struct.pack("<I", code) + message.encode())


class _Ring:
    """The flight recorder: operations of 256 bytes behind a head of 64."""

    def __init__(self, descriptor: int) -> None:
        try:
            self._memory = mmap.mmap(descriptor, 0)
        except (OSError, ValueError) as error:
            raise ConnectError("the ring of the flight recorder cannot be mapped") from error
        os.close(descriptor)
        self._lock = threading.Lock()
        size = len(self._memory)
        magic, form, self._capacity = struct.unpack_from("<8sQQ", self._memory) if size >= 64 else (b"", 0, 0)
        if magic != b"MNSTRING" or form != 1 or not 0 < self._capacity <= (size - 64) // 256:
            raise ConnectError("the head of the flight recorder's ring is none")

    def note(self, call: int, mark: int, text: str) -> None:
        line = _cut(text, 224)
        with self._lock:
            number = struct.unpack_from("<Q", self._memory, 24)[0] + 1
            struct.pack_into("<Q", self._memory, 24, number)
            at = 64 + (number - 1) % self._capacity * 256
            struct.pack_into("<Q", self._memory, at, 0)
            thread = threading.get_native_id() & 0xFFFFFFFF
            fields = struct.pack("<QQIHBB", time.monotonic_ns(), call, thread, len(line), mark, 0)
            self._memory[at + 8 : at + 32 + len(line)] = fields + line
            struct.pack_into("<Q", self._memory, at, number)


class _Bell:
    """Wakes one thread that waits for descriptors."""

    def __init__(self) -> None:
        self.ear, self._hammer = os.pipe()
        os.set_blocking(self.ear, False)
        os.set_blocking(self._hammer, False)

    def ring(self) -> None:
        try:
            os.write(self._hammer, b"!")
        except BlockingIOError:  # It rings already.
            pass

    def hush(self) -> None:
        try:
            while os.read(self.ear, 64):
                pass
        except BlockingIOError:
            pass


def _cut(text: str, room: int) -> bytes:
    """Returns as much of a text as fits, in whole letters."""
    return text.encode(errors="replace")[:room].decode(errors="ignore").encode()
