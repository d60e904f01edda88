"""The command `crawlrank`, and `python -m crawlrank`."""

import signal
import sys

from crawlrank import _core


def main() -> None:
    """Runs the command line and leaves with its exit code."""
    # Ctrl-C is the engine's: it saves the state and leaves by 130. Python's handler would raise on top.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_core.main(["crawlrank", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
