"""What is learned from frames. Knows nothing of simulators: it trains from a folder of frames alone."""
