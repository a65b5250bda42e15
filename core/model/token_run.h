// A batch as the encoder's layers take it: tensors on the parameters' device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/model/packed_attention.h"
#include "core/model/packed_batch.h"

namespace fintag {

struct TokenRun {
  at::Tensor ids = {};        // [tokens], int64
  at::Tensor positions = {};  // [tokens], int64: the place in the token's sequence
  SequenceOffsets offsets;    // tokens beyond the last belong to no sequence: filling
  at::Tensor rows = {};       // [n], int64: the tokens whose logits are wanted
};

// The batch, with `tokens` and `rows` filled up to these numbers by copies of the first one. No gradient comes from
// filling. A GPU gets all of it in one transfer, which nobody waits for.
TokenRun MakeTokenRun(const PackedBatch& batch, const std::vector<int64_t>& rows, int64_t filled_tokens,
                      int64_t filled_rows, at::Device device);

// [n], int64, on the device, likewise.
at::Tensor ToDevice(const std::vector<int64_t>& values, at::Device device);

}  // namespace fintag
