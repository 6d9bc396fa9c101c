"""SAM2 and SAM2Refiner as a library and a command line.

Nothing in this package imports gradio. Pictures, prompts and masks cross its border as the
numpy records of `refiner.types`. Only `refiner.network.base_model` and
`refiner.network.lite` import the sam2 package.
"""
