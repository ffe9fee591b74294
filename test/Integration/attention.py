# REQUIRES: numpy, onnx, avx2
# RUN: %python %s --work %t

"""Attention, rotary embedding, triangles and hardmax from ONNX through libraries, against NumPy.

Numbers agree within 1e-5 of the largest one in the tensor (1e-3 for f16): sums are in f32 on both sides, in different orders.
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from onnx_cases import Cases

rng = np.random.default_rng(4)


def normal(*shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


F = np.float32


# -- references ------------------------------------------------------------------

def softmax(x):
    """A row without finite scores has no weights."""
    most = x.max(axis=-1, keepdims=True)
    power = np.exp(x - np.where(np.isneginf(most), 0, most))
    total = power.sum(axis=-1, keepdims=True)
    return power / np.where(total == 0, 1, total)


def split(x, heads):
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(0, 2, 1, 3)


def join(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def attention(q, k, v, bias=0, scale=None, softcap=0):
    """Heads first, in f64. Returns the result and the four stages of the scores."""
    q, k, v = (a.astype(np.float64) for a in (q, k, v))
    share = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, share, axis=1), np.repeat(v, share, axis=1)
    scores = q @ k.swapaxes(-1, -2) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
    capped = softcap * np.tanh(scores / softcap) if softcap else scores
    biased = capped + bias
    weights = softmax(biased)
    return weights @ v, (scores, capped, biased, weights)


def allow(condition, otherwise=-np.inf):
    return np.where(condition, 0, otherwise)


def rotate(x, cos, sin, interleaved, size):
    """x[..., S, D], cos and sin [S, size / 2] or broadcast to it."""
    x = x.astype(np.float64)
    half = size // 2
    a, b = (x[..., 0:size:2], x[..., 1:size:2]) if interleaved else (x[..., :half], x[..., half:size])
    real, imaginary = cos * a - sin * b, sin * a + cos * b
    turned = np.stack([real, imaginary], -1).reshape(x.shape[:-1] + (size,)) if interleaved else np.concatenate([real, imaginary], -1)
    return np.concatenate([turned, x[..., size:]], -1)


# -- cases -----------------------------------------------------------------------

def onnx_attention(cases):
    q, k, v = normal(2, 4, 5, 8), normal(2, 4, 6, 8), normal(2, 4, 6, 7)
    i, j = np.arange(5)[:, None], np.arange(6)[None, :]
    lengths = np.array([6, 4])

    def add(inputs, y, constants=(), **attributes):
        cases.add("Attention", inputs, [np.asarray(y).astype(inputs[0].dtype)], constants, **attributes)

    add([q, k, v], attention(q, k, v)[0])
    add([q, k, v], attention(q, k, v, allow(j <= i))[0], is_causal=1)
    add([q, k, v], attention(q, k, v, scale=0.5, softcap=2.0)[0], scale=0.5, softcap=2.0)
    mask = normal(2, 1, 5, 6)
    add([q, k, v, mask], attention(q, k, v, mask)[0])
    add([q, k, v, mask[0, 0]], attention(q, k, v, mask[0, 0] + allow(j <= i))[0], is_causal=1)
    # A query that sees nothing has the result 0, and what its scores are does not matter.
    some = rng.integers(0, 2, (2, 4, 5, 6)).astype(bool)
    some[:, :, 2] = False
    add([q, k, v, some], attention(q, k, v, allow(some))[0])
    wild = k.copy()
    wild[0, 0, 0] = np.inf
    seen = np.ones((2, 1, 5, 6), bool)
    seen[0, 0, 1] = False
    plain = attention(q[1:], k[1:], v[1:], allow(seen[1:]))[0]
    expected = np.full((2, 4, 5, 7), np.nan)
    expected[1] = plain[0]
    expected[0, 1:] = attention(q[:1, 1:], k[:1, 1:], v[:1, 1:], allow(seen[:1]))[0][0]
    expected[0, 0, 1] = 0
    add([q, wild, v, seen], expected)
    # Masks over fewer keys than there are.
    few = rng.integers(0, 2, (5, 4)).astype(bool)
    few[:, 0] = True
    add([q, k, v, few], attention(q, k, v, allow(np.pad(few, [(0, 0), (0, 2)])))[0])
    # Fewer heads of keys, heads inside, another size of values.
    q3, k3, v3 = normal(2, 5, 24), normal(2, 6, 12), normal(2, 6, 10)
    y = attention(split(q3, 4), split(k3, 2), split(v3, 2), allow(j <= i))[0]
    add([q3, k3, v3], join(y), q_num_heads=4, kv_num_heads=2, is_causal=1)
    # A cache: positions count from its end, and what is appended is a result.
    pk, pv = normal(2, 4, 3, 8), normal(2, 4, 3, 7)
    ak, av = np.concatenate([pk, k], 2), np.concatenate([pv, v], 2)
    y, stages = attention(q, ak, av, allow(np.arange(9)[None, :] <= i + 3), softcap=3.0)
    for mode in range(4):
        cases.add("Attention", [q, k, v, None, pk, pv], [y.astype(F), ak, av, stages[mode].astype(F)], is_causal=1, softcap=3.0,
                  qk_matmul_output_mode=mode)
    # Padded keys, without and with the causal bound, which then counts from the end of each sample.
    valid = allow(np.arange(6)[None, None, None, :] < lengths[:, None, None, None])
    add([q, k, v, None, None, None, lengths], attention(q, k, v, valid)[0])
    offsets = (lengths - 5)[:, None, None, None]
    add([q, k, v, None, None, None, lengths], attention(q, k, v, valid + allow(j <= i + offsets))[0], is_causal=1)
    add([q, k, v], attention(q, k, v, allow((j >= i - 1) & (j <= i + 2)))[0], left_window_size=1, right_window_size=2)
    add([q, k[:, :, :2], v[:, :, :2]], attention(q, k[:, :, :2], v[:, :, :2], allow(j[:, :2] >= i - 1))[0], left_window_size=1)
    h = [a.astype(np.float16) for a in (q, k, v)]
    add(h, attention(*h, allow(j <= i))[0], is_causal=1)
    add(h, attention(*h)[0], softmax_precision=1)


def onnx_rotary(cases):
    cos, sin = normal(20, 4), normal(20, 4)
    positions = rng.integers(0, 20, (2, 5))
    x, x3 = normal(2, 3, 5, 8), normal(2, 5, 24)
    for interleaved in (0, 1):
        c, s = cos[positions][:, None], sin[positions][:, None]
        y = rotate(x, c, s, interleaved, 8)
        cases.add("RotaryEmbedding", [x, cos, sin, positions], [y.astype(F)], interleaved=interleaved)
        y = rotate(x, c[..., :2], s[..., :2], interleaved, 4)
        cases.add("RotaryEmbedding", [x, cos[positions][..., :2], sin[positions][..., :2]], [y.astype(F)], interleaved=interleaved,
                  rotary_embedding_dim=4)
        y = join(rotate(split(x3, 3), c, s, interleaved, 8))
        cases.add("RotaryEmbedding", [x3, cos, sin, positions], [y.astype(F)], interleaved=interleaved, num_heads=3)
        y = join(rotate(split(x3, 3), cos[3:8], sin[3:8], interleaved, 8))
        cases.add("RotaryEmbedding", [x3, np.array([3]), cos, sin], [y.astype(F)], domain="com.microsoft", interleaved=interleaved)


def contrib(cases):
    x, w, b = normal(2, 5, 12), normal(12, 24), normal(24)
    q, k, v = np.split(x.astype(np.float64) @ w + b, 3, -1)
    i, j = np.arange(5)[:, None], np.arange(5)[None, :]
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    y = join(attention(split(q, 2), split(k, 2), split(v, 2), allow(mask[:, None, None] > 0, -10000))[0])
    cases.add("Attention", [x, w, b, mask], [y.astype(F)], domain="com.microsoft", num_heads=2)
    cases.add("Attention", [x, w, b, np.array([3, 5], np.int32)], [y.astype(F)], domain="com.microsoft", num_heads=2)
    past = normal(2, 2, 2, 3, 4)
    ak, av = np.concatenate([past[0], split(k, 2)], 2), np.concatenate([past[1], split(v, 2)], 2)
    y = join(attention(split(q, 2), ak, av, allow(np.arange(8)[None, :] <= i + 3))[0])
    cases.add("Attention", [x, w, b, None, past], [y.astype(F), np.stack([ak, av]).astype(F)], domain="com.microsoft", num_heads=2,
              unidirectional=1)
    q, k, v, b = normal(2, 5, 8), normal(2, 6, 8), normal(2, 6, 12), normal(28)
    bias = normal(1, 2, 5, 6)
    y = join(attention(split(q + b[:8], 2), split(k + b[8:16], 2), split(v + b[16:], 2), bias)[0])
    cases.add("MultiHeadAttention", [q, k, v, b, None, bias], [y.astype(F)], domain="com.microsoft", num_heads=2)
    y = join(attention(split(q, 2), split(k, 2), split(v, 2))[0])
    cases.add("MultiHeadAttention", [q, split(k, 2), split(v, 2)], [y.astype(F)], domain="com.microsoft", num_heads=2)
    a, c = normal(2, 4, 3), normal(2, 5, 4)
    cases.add("FusedMatMul", [a, c], [(a.swapaxes(1, 2) @ c.swapaxes(1, 2) * F(0.5)).astype(F)], domain="com.microsoft", transA=1,
              transB=1, alpha=0.5)
    words, segments = rng.integers(0, 9, (2, 5)).astype(np.int32), rng.integers(0, 2, (2, 5)).astype(np.int32)
    tables = normal(9, 8), normal(6, 8), normal(2, 8)
    gamma, beta = normal(8), normal(8)
    total = tables[0][words] + tables[1][:5] + tables[2][segments]
    centred = total - total.mean(-1, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True)) * gamma + beta
    cases.add("EmbedLayerNormalization", [words, segments, *tables, gamma, beta, mask], [y, mask.sum(1, dtype=np.int32), total],
              domain="com.microsoft")


def triangles(cases):
    x, i, b = normal(2, 4, 5), rng.integers(-9, 9, (3, 3)), np.ones((2, 3), bool)
    x[0, 0, 4] = np.nan  # is dropped, not multiplied
    for k in (-7, -1, 0, 2, 9):
        cases.add("Trilu", [x, np.int64(k)], [np.triu(x, k)], constants=[1])
        cases.add("Trilu", [i, np.int64(k)], [np.tril(i, k)], constants=[1], upper=0)
    cases.add("Trilu", [b], [np.triu(b)])
    for size in (1, 2, 3):
        m = normal(2, 3, size, size)
        cases.add("Det", [m], [np.linalg.det(m.astype(np.float64)).astype(F)])
    t = rng.integers(0, 3, (2, 3, 4)).astype(F)  # with equal elements
    for axis in (0, 1, 2, -1):
        first = t.argmax(axis)
        one_hot = np.take_along_axis(np.zeros_like(t), np.expand_dims(first, axis), axis)
        expected = np.zeros_like(t)
        np.put_along_axis(expected, np.expand_dims(first, axis), one_hot + 1, axis)
        cases.add("Hardmax", [t], [expected], axis=axis)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    cases = Cases(25)
    for family in (onnx_attention, onnx_rotary, contrib, triangles):
        family(cases)
    bad = cases.run(options.work)
    print(f"{len(cases.expected)} outputs")
    sys.exit(f"{bad} outputs differ" if bad else 0)


main()
