"""Tables and plots of measured results. Never torch."""
