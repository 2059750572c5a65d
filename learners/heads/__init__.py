"""Heads: task networks on the features of an encoder (Section 3.2.3)."""
