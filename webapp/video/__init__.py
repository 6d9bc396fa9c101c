"""The video tab: `tab` wires it, `actions` says what each event does, `work` runs what takes long."""
