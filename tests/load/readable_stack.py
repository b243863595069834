"""`interlock` with an unprotected first process, so that another process of its user can count the descriptors."""

import sys

from interlock_dev.commands import cli, dev


def main() -> int:
    """Run `interlock` with the arguments of the command line."""
    dev.hide_memory = lambda: None  # type: ignore[attr-defined]
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
