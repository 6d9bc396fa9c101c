"""The video tab: `tab` wires it, `actions` says what each event does.

`open_clips` holds the clips and `work` runs what takes long: `tracking` and `exporting`.
"""
