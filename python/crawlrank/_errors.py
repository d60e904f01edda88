"""The one exception of the package."""

from __future__ import annotations


class CrawlrankError(OSError, ValueError):
    """Says what was found, where, and what to do.

    Its text is the line that the command prints. It is an `OSError` and a `ValueError`, as
    `io.UnsupportedOperation` is: what cannot be read and what makes no sense are often one and the same file.

    Attributes:
        code: kind of trouble, e.g. `E-FORMAT`.
        path: file or directory concerned.
        offset: byte concerned, of the compressed stream for a shard.
    """

    def __init__(
        self, message: str, code: str = "", path: str | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.path = path
        self.offset = offset
