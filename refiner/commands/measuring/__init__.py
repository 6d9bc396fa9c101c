"""The parts of the evaluate command: what is measured, by what, and the documents that come of it."""
