"""What all tabs use: checked messages, limits, words, pictures, examples, backbones."""
