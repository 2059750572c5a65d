"""The multimodal masked model (Section 3.2.2): encoder, decoder, token streams, masking. Read `tst_minimal` first.

Public: `masked_model.MaskedModel`, `encoder.Encoder`, `masking.Masking`, `from_4m.start_from_4m`.
"""
