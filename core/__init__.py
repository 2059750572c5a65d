"""What all packages share: the frame contract, edges and normals, storage, digests, errors, progress.

Knows nothing of houses, learners or agents; every other package may import it.
"""
