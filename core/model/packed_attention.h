// Self-attention within each sequence of a packed batch (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <utility>

#include "core/model/dropout.h"

namespace fintag {

// Where the sequences of a packed batch begin, and the last ends: [sequences + 1].
struct SequenceOffsets {
  SequenceOffsets(at::Tensor host) : host(std::move(host)) {}  // NOLINT(google-explicit-constructor)

  at::Tensor host;    // int64, on the CPU
  at::Tensor device;  // int32, on another device where the batch is there; undefined: made when it is needed
};

// For each sequence and head, dropout(softmax(q k^T / sqrt(head size))) v, differentiable in `qkv`.
// qkv: [tokens, 3 * hidden], queries, keys and values side by side, each with its heads side by side.
// offsets: sequence i is rows offsets[i] to offsets[i + 1]; empty ones are allowed. Rows beyond the last offset belong
// to no sequence; their result and gradient are 0, and a GPU has none.
// Result: [tokens, hidden]. Dropout's row is token * heads + head, its column the key's place in the sequence.
// On the CPU no work crosses a sequence's border, so a sequence's result does not depend on what else is packed with
// it, and probabilities are recomputed in the backward pass, not stored.
// Where AttendsRounded(), qkv may be bfloat16 for tagging, without gradients or dropout: probabilities are rounded to
// it too, and sums and the result are float32.
// On a GPU it is FusedAttention (fused_attention.h) where LibTorch has that, else the reference; bfloat16 or float32.
at::Tensor PackedAttention(const at::Tensor& qkv, const SequenceOffsets& offsets, int64_t heads,
                           const Dropout& dropout);

// Whether the CPU has instructions for bfloat16.
bool AttendsRounded();

// The same by padding and plain LibTorch operations: what the tests compare to. offsets: int64, on the CPU.
at::Tensor PackedAttentionReference(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads,
                                    const Dropout& dropout);

}  // namespace fintag
