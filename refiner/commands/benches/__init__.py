"""What the bench command measures, a file each."""
