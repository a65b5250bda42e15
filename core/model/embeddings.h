// The encoder's input: word, position and token type embeddings summed.
#pragma once

#include <ATen/ATen.h>

namespace fintag {

struct EmbeddingTables {
  at::Tensor words;        // [vocabulary, hidden]
  at::Tensor positions;    // [max positions, hidden]
  at::Tensor token_types;  // [token types, hidden]; every token is of type 0
};

// words[ids] + positions[positions] + token_types[0]: [tokens, hidden], differentiable in the tables. ids, positions:
// [tokens], int64, within the tables (the caller has checked), on their device.
// The gradient of `words` is sparse, [vocabulary, hidden] with one entry a distinct id of the batch: a dense one would
// be filled with zeros (47 MB for 30,522 words of 384) at every step. On the CPU its indices are distinct
// and ascend.
at::Tensor EmbeddingSum(const at::Tensor& ids, const at::Tensor& positions, const EmbeddingTables& tables);

// The same in plain LibTorch operations: the one used on other devices, and what the tests compare to.
at::Tensor EmbeddingSumReference(const at::Tensor& ids, const at::Tensor& positions, const EmbeddingTables& tables);

}  // namespace fintag
