"""Predictors over the networks: numpy records in, numpy records out.

`segmenter` answers prompts on a picture, `tracker` follows objects through a clip, `cascade`
refines the mask of any base, `loading` chooses between them.
"""
