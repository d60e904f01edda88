"""Ctrl-C that a consumer of a stream made an error of its own of."""

from __future__ import annotations

import signal
import sys

TYPE_CHECKING = False  # that of `typing`, without its import
if TYPE_CHECKING:
    from types import FrameType


def expect_again() -> None:
    """Lets the next SIGINT, which the caller sends, raise `KeyboardInterrupt` after the consumer's own error,
    lest code that catches that goes on. Where nothing caught it and Python is about to print it, nothing is
    raised: until Python 3.12 the print would break off amid its lines.

    To be called in the main thread, after its handler of SIGINT raised; not sent from here, or it would be
    raised in here."""
    handler = signal.getsignal(signal.SIGINT)
    program = _outermost(sys._getframe())

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, handler)
        if _outermost(frame) is program and callable(handler):
            handler(number, frame)

    signal.signal(signal.SIGINT, once)


def _outermost(frame: FrameType | None) -> FrameType | None:
    """The frame that all others were called from: the program's, or, once that has ended, the printer's."""
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame
