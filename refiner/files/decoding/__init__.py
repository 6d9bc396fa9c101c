"""What reading a picture takes: its kind, its bytes, its colours, values of more than 8 bits."""
