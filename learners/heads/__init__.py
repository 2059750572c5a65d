"""Heads: task networks on the features of an encoder, and their transfer (Section 3.2.3).

Public: `segmentation.Segmenter`, `segmentation_training.fine_tune_segmenter`, `detection`, `captioning`, `recipes`.
"""
