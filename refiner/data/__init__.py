"""Data sets on disk: manifests, published sets, archives, pairs of photo and mask. Never torch."""
