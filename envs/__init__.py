"""The world and how it is sensed. Knows nothing of learning."""
