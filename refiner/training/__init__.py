"""Training of sam2-lite and of SAM2Refiner on a folder with a manifest.

Data and prompts are drawn from a seed and a sample's number, so that a resumed run sees exactly
what an uninterrupted one would. Losses are functions of a model and a batch; `train.py` is the loop.
"""
