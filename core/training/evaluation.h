// The model on a validation part: its tags for every word, and their loss.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/token_classifier.h"
#include "core/ranks/rank_group.h"
#include "core/training/token_cache.h"

namespace fintag {

struct Evaluation {
  double loss = 0;                 // mean cross entropy over the words whose tag the model knows
  std::vector<int32_t> predicted;  // number of the tag of each word, sentence behind sentence; O where it has no token
};

// Arg-max tags; the cache's tags begin with the model's. CANCELLED once `stop` is true, looked at every few
// milliseconds to a second of work. Other errors are the model's. With `ranks`, which may be null, all ranks evaluate
// the same model, each every so-manyth batch, and all have the whole: bit for bit what one process has.
absl::StatusOr<Evaluation> Evaluate(const TokenClassifier& model, const TokenCache& cache,
                                    const std::atomic<bool>& stop, RankGroup* ranks = nullptr);

}  // namespace fintag
