# Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Matrix products of cuBLASLt, through ctypes: what its heuristic offers for 64 MiB of workspace, and the fastest of it."""

import ctypes as c
import glob
import os
import site

WORKSPACE_BYTES = 64 << 20
# library_types.h and cublasLt.h.
_R_32F, _R_16F, _R_8I, _R_32I = 0, 2, 3, 10
_COMPUTE_32F, _COMPUTE_32I = 68, 72
_OP_N, _OP_T = 0, 1
_DESC_TRANSA, _DESC_TRANSB = 3, 4
_PREF_MAX_WORKSPACE_BYTES = 1


class _Heuristic(c.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = [("algo", c.c_uint64 * 8), ("workspace", c.c_size_t), ("state", c.c_int), ("waves", c.c_float), ("reserved", c.c_int * 4)]


class Missing(Exception):
    """cuBLASLt cannot be used; the text says why."""


def _load():
    names = ["libcublasLt.so.13", "libcublasLt.so.12"]
    folders = [os.path.join(root, "lib64") for root in (os.environ.get("CUDA_PATH"), "/usr/local/cuda") if root]
    folders += glob.glob(os.path.join(*site.getsitepackages()[:1], "nvidia", "cu*", "lib"))
    for path in names + [os.path.join(folder, name) for folder in folders for name in names]:
        try:
            return c.CDLL(path)
        except OSError:
            pass
    raise Missing("libcublasLt.so.12 or .13 is in no folder of the loader, CUDA_PATH or the Python packages")


class MatMul:
    """c[m, n] = a[m, k] · b[n, k]ᵀ, row after row: f16 with f32 sums, or s8 with s32 sums and s8 results."""

    def __init__(self, m, n, k, is_int8):
        self.library, self.handles = _load(), []
        data, compute, scale = (_R_8I, _COMPUTE_32I, _R_32F) if is_int8 else (_R_16F, _COMPUTE_32F, _R_32F)
        self.handle, self.operation, self.preference = c.c_void_p(), c.c_void_p(), c.c_void_p()
        self._call("cublasLtCreate", c.byref(self.handle))
        self._call("cublasLtMatmulDescCreate", c.byref(self.operation), compute, scale)
        for key, value in ((_DESC_TRANSA, _OP_T), (_DESC_TRANSB, _OP_N)):
            self._call("cublasLtMatmulDescSetAttribute", self.operation, key, c.byref(c.c_int32(value)), c.c_size_t(4))
        # Column-major there: cᵀ[n, m] = bᵀ · a.
        self.layouts = [c.c_void_p() for _ in range(3)]
        for layout, rows, columns in zip(self.layouts, (k, k, n), (n, m, m)):
            self._call("cublasLtMatrixLayoutCreate", c.byref(layout), data, c.c_uint64(rows), c.c_uint64(columns), c.c_int64(rows))
        self._call("cublasLtMatmulPreferenceCreate", c.byref(self.preference))
        self._call("cublasLtMatmulPreferenceSetAttribute", self.preference, _PREF_MAX_WORKSPACE_BYTES, c.byref(c.c_size_t(WORKSPACE_BYTES)), c.c_size_t(8))
        found, count = (_Heuristic * 16)(), c.c_int()
        b, a, d = self.layouts
        self._call("cublasLtMatmulAlgoGetHeuristic", self.handle, self.operation, b, a, d, d, self.preference, 16, found, c.byref(count))
        self.algorithms = [one for one in found[:count.value] if one.state == 0]
        if not self.algorithms:
            raise Missing("cuBLASLt offers no algorithm for this product")

    def _call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status:
            raise Missing(f"{name} answers {status}")

    def run(self, algorithm, a, b, out, workspace, stream):
        """Addresses on the device, and the stream's handle."""
        layout_b, layout_a, layout_d = self.layouts
        one, zero = c.c_float(1), c.c_float(0)
        self._call("cublasLtMatmul", self.handle, self.operation, c.byref(one), c.c_void_p(b), layout_b, c.c_void_p(a), layout_a, c.byref(zero),
                   c.c_void_p(out), layout_d, c.c_void_p(out), layout_d, c.byref(algorithm.algo), c.c_void_p(workspace), c.c_size_t(WORKSPACE_BYTES),
                   c.c_void_p(stream))
