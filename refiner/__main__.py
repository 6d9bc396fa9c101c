"""Runs the command line."""

import sys

from refiner.commands.parser import main

if __name__ == "__main__":
    sys.exit(main())
