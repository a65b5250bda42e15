// The first layer's queries, keys and values for tagging, with hardly any product. They are LN(e) W^T + b of a token's
// embedding e = w + p, w its word's row of the table, p its place's and the type's. With c(x) = x less its mean, g and
// o layer norm's weight and bias, and r the reciprocal deviation of e, that is
//
//   r (c(w) diag(g) W^T + c(p) diag(g) W^T) + (o W^T + b),
//
// whose three products have nothing to do with the rest of the text: of each place and of the first words that come
// (texts use few words often) they are kept.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/dense.h"
#include "core/model/embeddings.h"
#include "core/model/layer_norm.h"
#include "core/model/packed_linear.h"
#include "core/model/precision.h"

namespace fintag {

class WordProjections {
 public:
  // All on the CPU and float32; `layer` is W and b. `precision` is that of the products, one that BestProduct has;
  // where `rounded`, results are bfloat16, else float32.
  WordProjections(const EmbeddingTables& tables, const LayerNorm& norm, const Dense& layer, Precision precision,
                  bool rounded);

  // [tokens, out]. ids, positions: [tokens], int64, within the tables. rstd: [tokens], as NormalizeRows has it of
  // EmbeddingSum. Any number of threads may ask; what they get does not depend on what is kept.
  at::Tensor Project(const at::Tensor& ids, const at::Tensor& positions, const at::Tensor& rstd) const;

  int64_t bytes() const;  // with the room for what may yet be kept

 private:
  // c(x) diag(g) W^T of rows x, [n, out].
  at::Tensor Product(const at::Tensor& x) const;
  // Where each token's word has its product; `fresh` has those of words that were not kept.
  std::vector<const float*> WordProducts(const at::Tensor& ids, at::Tensor& fresh) const;
  void Keep(int64_t word, const float* product) const;

  const at::Tensor words_;  // the table
  const at::Tensor norm_weight_;
  const bool rounded_;
  PackedWeight weight_;  // W
  at::Tensor bias_;      // o W^T + b
  at::Tensor places_;    // [max positions, out]: their products
  at::Tensor kept_;      // [kKeptWords, out]: the first so many words'
  mutable std::atomic<int64_t> kept_count_ = 0;
  std::unique_ptr<std::atomic<const float*>[]> kept_of_word_;  // null where it is not kept
};

}  // namespace fintag
