// Which sentences train together, and the packed batch they become.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/model/packed_batch.h"
#include "core/training/token_cache.h"
#include "core/training/training_options.h"

namespace fintag {

// Sentences by their index in the corpus.
using SentenceBatch = std::span<const int32_t>;

// The batches of an epoch, in order.
class EpochPlan {
 public:
  int64_t size() const { return std::ssize(ends_); }  // batches
  SentenceBatch operator[](int64_t batch) const;

 private:
  friend EpochPlan PlanEpoch(const TokenCache& corpus, const TrainingOptions& options, int32_t epoch);

  std::vector<int32_t> order_;  // sentences
  std::vector<int32_t> ends_;   // of each batch, in order_
};

// The batches of epoch `epoch` (from 1), in order: each sentence with a window stands in exactly one. The order is
// drawn from the seed and the epoch, or the corpus' own without shuffling. By sentences, every batch but the last is
// full; by tokens, a batch ends before the sentence that would not fit, and a sentence over the limit goes alone.
EpochPlan PlanEpoch(const TokenCache& corpus, const TrainingOptions& options, int32_t epoch);

// Optimiser steps that `batches` batches of an epoch make: the last may gather fewer batches than the others.
int64_t StepsOf(int64_t batches, const TrainingOptions& options);

struct TrainingBatch {
  PackedBatch packed;         // every window of every sentence
  std::vector<int64_t> rows;  // of the first tokens of owned words with a tag of the model, ascending
  std::vector<int64_t> tags;  // of those words
};

TrainingBatch PackBatch(const TokenCache& corpus, SentenceBatch sentences);

}  // namespace fintag
