"""Many inputs, a result each: every one done once, one by one. What is done is for others to say."""
