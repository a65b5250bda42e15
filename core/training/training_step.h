// One optimiser step: forward and backward over its batches, the gradients of all ranks together, the update.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "core/model/token_classifier.h"
#include "core/ranks/gradient_buckets.h"
#include "core/ranks/rank_group.h"
#include "core/training/batches.h"
#include "core/training/optimizer.h"
#include "core/training/token_cache.h"
#include "core/training/training_options.h"

namespace fintag {

struct StepResult {
  double loss = 0;  // mean over the words; where it is not finite, nothing was updated
  int64_t words = 0;
  int64_t tokens = 0;
};

class TrainingStep {
 public:
  // With `ranks` every rank runs the same steps, each on its share of every batch; results and weights are the same at
  // all of them. Dropout is then drawn by batch and rank. `ranks` may be null: a run of one process. All must outlive
  // the step.
  TrainingStep(TokenClassifier& model, const TokenCache& corpus, const TrainingOptions& options, RankGroup* ranks);

  // Nothing where `stop` ended it - at any rank - before the update.
  absl::StatusOr<std::optional<StepResult>> Run(std::span<const SentenceBatch> batches, double learning_rate,
                                                const std::atomic<bool>& stop);

  Optimizer& optimizer() { return *optimizer_; }
  // Batches done: the index of the dropout stream.
  uint64_t batches_done() const { return batches_done_; }
  void set_batches_done(uint64_t batches) { batches_done_ = batches; }

 private:
  // What one rank does of a step.
  struct Work {
    std::vector<TrainingBatch> batches;
    std::vector<int64_t> rows;  // of the word embedding, by all ranks
    StepResult result;          // of all ranks, but for the loss
  };
  Work Divide(std::span<const SentenceBatch> batches) const;
  // The share's loss. False where `stop` ended it.
  bool Differentiate(const Work& work, const std::atomic<bool>& stop, double& loss);
  // Sums gradients, loss and the wish to stop over the ranks.
  absl::Status Unite(double& loss, bool& stopped);

  TokenClassifier& model_;
  const TokenCache& corpus_;
  const TrainingOptions& options_;
  RankGroup* const ranks_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientBuckets> buckets_;
  uint64_t batches_done_ = 0;
};

}  // namespace fintag
