"""What a frame is to the learner: image-like modalities, sequences, pseudolabels, tokenizers.

Public: `modality.MODALITIES`, `modality.Modality`, `modality.register`.
"""
