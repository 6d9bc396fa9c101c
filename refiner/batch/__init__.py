"""Many inputs, a result each: every one done once. What is done is for others to say."""
