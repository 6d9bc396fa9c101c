"""The compare tab: scores over the number of prompts, measured results, trained variants."""
