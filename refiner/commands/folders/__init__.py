"""Whole folders on the command line: an input after the other, what is done remembered."""
