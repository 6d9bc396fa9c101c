"""The web interface: gradio and numpy, never torch.

Of `refiner` it imports the torch-free modules only (records, files, metrics, reports); the model
arrives as a `Segmenter`. State is frozen records, one per visitor, and what a browser sends is
checked before it is used.
"""
