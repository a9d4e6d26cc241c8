"""`ultrad` and `python -m ultrad`."""

import sys

from ultrad.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
