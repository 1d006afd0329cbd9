"""A host in Python that serves `echo`. A parent starts it; by hand it says that it has none.

What it is asked decides what it does: `fail`, `raise`, `large`, `abort`, `hang`, or an echo; a stream counts.
"""

import os
import signal
import sys

import mainstay_host


def answer(call, request):
    """Answers one call: by bytes, or by what yields them."""
    call.host.record(f"the device is asked: {request.decode()}")
    if call.is_stream:
        return (str(number).encode() for number in range(1, int(request) + 1))
    if request == b"fail":
        raise mainstay_host.Failure(1007, "the axis does not move")
    if request == b"large":
        return bytes(1 << 20)
    if request == b"abort":
        os.abort()
    while request == b"hang":
        signal.pause()
    if request == b"raise":
        raise KeyError("axis")
    return request


def main():
    """Serves until the parent asks for the end."""
    try:
        host = mainstay_host.connect("echo", 3)
    except mainstay_host.ConnectError as error:
        sys.exit(f"echo: {error}")
    host.status("opens the device")
    host.ready()
    host.serve(answer)


if __name__ == "__main__":
    main()
