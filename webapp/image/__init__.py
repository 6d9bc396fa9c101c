"""The image tab: `tab` wires it, `actions` says what each event does, `state` holds a visitor."""
