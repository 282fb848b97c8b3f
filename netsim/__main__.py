"""``python -m netsim``, and the command ``netsim``."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C during its import also ends in one line."""
    try:
        from netsim.cli import main as run

        run()
    except KeyboardInterrupt:
        print("netsim: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
