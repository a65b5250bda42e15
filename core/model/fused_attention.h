// Self-attention within each sequence of a packed batch on a GPU, by LibTorch's own kernels for sequences of any
// length: flash attention (Dao 2023, arXiv:2307.08691) for bfloat16, memory-efficient attention (Rabe and Staats 2021,
// arXiv:2112.05682) for float32. Neither pads, nor stores probabilities.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace fintag {

// Whether LibTorch has one for qkv's type and GPU, and for heads of this size.
bool HasFusedAttention(const at::Tensor& qkv, int64_t heads);

// As PackedAttention (packed_attention.h), differentiable, of qkv's type. Every row belongs to a sequence.
// qkv: [tokens, 3 * hidden]; offsets: [sequences + 1], int32, on qkv's device; longest: tokens of the longest sequence.
// Dropout is drawn from the device's generator (dropout.h).
at::Tensor FusedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t longest, int64_t heads,
                          double dropout);

}  // namespace fintag
