"""Endpoints for programs: the same checks and limits as the page."""
