"""``python -m truceline.app``."""

import sys

from truceline.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
