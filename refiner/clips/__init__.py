"""Videos through ffmpeg: a clip read frame by frame, and clips and masks written. Never torch."""
