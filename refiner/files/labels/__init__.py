"""Pictures of labels: their values, and which of these are objects."""
