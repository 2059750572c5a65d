"""Real furniture models that a user may install in place of the built-in shapes; never shipped, off unless asked."""
