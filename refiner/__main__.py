"""Runs the command line."""

import sys

from refiner.commands.parser import main

sys.exit(main())
