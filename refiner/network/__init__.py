"""The networks: the base model, SAM2Refiner, HQ-SAM2 and their weights in files.

Nothing here reads pictures, knows a user or trains. Only `base_model` and `lite` import the sam2
package. Letters in shapes are those of `refiner.network.sam2refiner`.
"""
