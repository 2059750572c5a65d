"""The multimodal masked model (Section 3.2.1): encoder, decoder, token streams, masking.

Public: `masked_model.MaskedModel`, `masked_model.Encoder`, `from_4m.start_from_4m`.
"""
