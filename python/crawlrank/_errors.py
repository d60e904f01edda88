"""The exceptions of the package: one, and its kinds."""

from __future__ import annotations


class CrawlrankError(OSError, ValueError):
    """Says what was found, where, and what to do.

    Its text is the line that the command prints. It is an `OSError` and a `ValueError`, as
    `io.UnsupportedOperation` is: what cannot be read and what makes no sense are often one and the same file.
    Its kinds are those of the command's exit codes.

    Attributes:
        exit: how the command would leave, e.g. 4.
        code: kind of trouble, e.g. `E-FORMAT`.
        path: file or directory concerned.
        offset: byte concerned, of the compressed stream for a shard.
    """

    exit: int = 70

    def __init__(
        self, message: str, code: str = "", path: str | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.path = path
        self.offset = offset


class UsageError(CrawlrankError):
    """An argument makes no sense, or a run directory has other parameters (exit 2)."""

    exit = 2


class RefusedError(CrawlrankError):
    """An input is of an unknown format, or more damaged than allowed (exit 4)."""

    exit = 4


class DamagedError(CrawlrankError):
    """A file that crawlrank wrote is not as it was written (exit 5)."""

    exit = 5


class NetworkError(CrawlrankError):
    """The network gave up, a server blocked us, or a redirect was refused (exit 69)."""

    exit = 69


class InternalError(CrawlrankError):
    """A fault of crawlrank; please report it (exit 70)."""

    exit = 70


class MemoryBudgetError(CrawlrankError):
    """The memory that may be used cannot hold what was asked (exit 71)."""

    exit = 71


class OutputError(CrawlrankError):
    """Output cannot be created: space, permission, a limit (exit 73)."""

    exit = 73


class ReadWriteError(CrawlrankError):
    """The system failed to read or write (exit 74)."""

    exit = 74


class LockedError(CrawlrankError):
    """Another run holds the directory (exit 75)."""

    exit = 75


_KINDS: dict[int, type[CrawlrankError]] = {
    kind.exit: kind
    for kind in (
        UsageError,
        RefusedError,
        DamagedError,
        NetworkError,
        InternalError,
        MemoryBudgetError,
        OutputError,
        ReadWriteError,
        LockedError,
    )
}


def make(exit: int, message: str, code: str, path: str | None, offset: int | None) -> CrawlrankError:
    """Returns the exception for how the command would leave."""
    error = _KINDS.get(exit, CrawlrankError)(message, code, path, offset)
    error.exit = exit
    return error
