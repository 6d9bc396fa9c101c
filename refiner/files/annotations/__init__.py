"""Annotation files of labelling tools, a module a format."""
