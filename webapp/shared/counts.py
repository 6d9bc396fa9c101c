"""What is counted for whoever runs the app, in Prometheus' terms; nothing of it names a visitor."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 300.0)

EVENT_SECONDS = Histogram(
    "studio_event_seconds", "From an event's coming to its answer.", ["event"], buckets=_BUCKETS
)
QUEUED_SECONDS = Histogram(
    "studio_queued_seconds", "From an event's coming to its turn.", ["event"], buckets=_BUCKETS
)
MODEL_SECONDS = Histogram(
    "studio_model_seconds", "What the model took to answer one object.", buckets=_BUCKETS
)
REFUSALS = Counter("studio_refusals", "What was refused or failed, by its kind.", ["kind"])
WAITING = Gauge("studio_events_waiting", "Events that wait for their turn.")
RUNNING = Gauge("studio_events_running", "Events that are being answered.")
EMBEDDING_BYTES = Gauge("studio_embedding_bytes", "Memory of the pictures that are encoded.")
CLIPS_HELD = Gauge("studio_clips_held", "Clips that are open.")
