"""``python -m codelsp`` is ``codelsp``."""

import sys

from codelsp.cli import main

if __name__ == "__main__":
    sys.exit(main())
