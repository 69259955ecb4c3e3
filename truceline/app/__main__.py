"""``python -m truceline.app``."""

import sys

from truceline.app.cli import main

sys.exit(main())
