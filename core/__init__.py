"""What all packages share: the frame contract, edges and normals, storage, digests, errors, progress, kernels.

Public: `frame.Frame`, `frame.Camera`, `frame.Labels`, `edges.canny`, `normals.normals_from_depth`, `storage.replacing`,
`cache.cached`, `digests.code_digest`, `errors.UserError`, `jit.compiled`,
`progress.Progress`. Every other package may import it.
"""
