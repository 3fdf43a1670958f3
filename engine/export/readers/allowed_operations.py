"""PyTorch's operations that a file from anywhere may name.

None of them reads or writes a file, or runs what it is given: `aten.from_file`, for one, maps any
file into memory and lets the next operation write to it.
"""

from __future__ import annotations

ATEN = """
__and__ _assert_tensor_metadata abs adaptive_avg_pool2d add add_ addmm alias amax amin arange argmax
argmin avg_pool2d batch_norm bmm cat ceil chunk clamp clamp_ clamp_max clamp_min clone
constant_pad_nd contiguous conv2d detach_ div div_ dropout dropout_ eq exp expand expand_as fill_
flatten flip floor ge gelu group_norm gt hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh
hardtanh_ index index_select layer_norm le leaky_relu lift_fresh_copy linalg_vector_norm linear lt
masked_fill matmul max_pool2d maximum mean minimum mm mul mul_ ne neg new_zeros numpy_T one_hot ones
pad permute pow reciprocal relu relu6 relu_ repeat reshape roll round rsqrt rsub scalar_tensor
scaled_dot_product_attention select sigmoid sigmoid_ sign silu silu_ slice softmax split
split_with_sizes sqrt square squeeze stack sub sub_ sum sym_size t tanh to transpose trunc unbind
unflatten unsqueeze upsample_bilinear2d view where zeros zeros_like
"""
OPERATIONS = frozenset(ATEN.split())
NUMBERS = (
    "add",
    "sub",
    "mul",
    "floordiv",
    "truediv",
    "mod",
    "neg",
    "getitem",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
)
"""Python's own (module operator), on the lengths of axes."""
SIZES = ("sym_max", "sym_min", "sym_int", "sym_float", "sym_not")
"""PyTorch's own on the same."""


def known_target(name: object) -> bool:
    """Whether a program may call it: “torch.ops.aten.conv2d.default”, “_operator.mul”."""
    words = str(name).split(".")
    if words[:3] == ["torch", "ops", "aten"]:
        return len(words) == 5 and words[3] in OPERATIONS and not words[4].startswith("_")
    if len(words) != 2:
        return False
    return words[1] in {"_operator": NUMBERS, "torch": SIZES}.get(words[0], ())
