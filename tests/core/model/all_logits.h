// Logits of every token of a batch.
#pragma once

#include <ATen/ATen.h>

#include <numeric>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/token_classifier.h"

namespace fintag {

inline absl::StatusOr<at::Tensor> AllLogits(const TokenClassifier& model, const PackedBatch& batch) {
  std::vector<int64_t> rows(static_cast<size_t>(batch.tokens()));
  std::iota(rows.begin(), rows.end(), 0);
  return model.Logits(batch, rows);
}

}  // namespace fintag
