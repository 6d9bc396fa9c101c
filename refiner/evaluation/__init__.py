"""Measures both models against ground truth and reports what was measured.

Works on any `refiner.types.Segmenter` and any folder with a manifest. Prompts are seeded and
made from the ground truth alone, so every model sees the same ones. Nothing here trains.
"""
