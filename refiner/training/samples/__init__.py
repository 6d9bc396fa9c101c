"""What is trained on: photos, clips, drawn things, prompts, augmentations, each drawn from a seed."""
