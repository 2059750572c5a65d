"""Adaptation with no labels or a few: test-time training, label propagation.

Public: `ttt.ttt_predict`, `ttt.refit_decoder`, `label_propagation.propagate_labels`.
"""
