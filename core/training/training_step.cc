#include "core/training/training_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/token_run.h"
#include "core/training/random.h"
#include "core/training/seeds.h"
#include "core/training/shares.h"

namespace fintag {
namespace {

constexpr char kWordEmbedding[] = "bert.embeddings.word_embeddings.weight";  // its gradient is sparse

}  // namespace

TrainingStep::TrainingStep(TokenClassifier& model, const TokenCache& corpus, const TrainingOptions& options,
                           RankGroup* ranks)
    : model_(model),
      corpus_(corpus),
      options_(options),
      ranks_(ranks),
      optimizer_(MakeOptimizer(model.parameters(), options)) {
  if (ranks_ != nullptr) {
    buckets_ = std::make_unique<GradientBuckets>(model.parameters(), kWordEmbedding, *ranks_);
  }
}

absl::StatusOr<std::optional<StepResult>> TrainingStep::Run(std::span<const SentenceBatch> batches,
                                                            double learning_rate, const std::atomic<bool>& stop) {
  Work work = Divide(batches);
  if (buckets_ != nullptr) buckets_->Begin(std::move(work.rows));
  bool stopped = !Differentiate(work, stop, work.result.loss);
  batches_done_ += batches.size();
  if (ranks_ != nullptr) {
    if (absl::Status united = Unite(work.result.loss, stopped); !united.ok()) return united;
  }
  if (stopped) return std::nullopt;
  if (std::isfinite(work.result.loss)) optimizer_->Step(learning_rate);
  return work.result;
}

TrainingStep::Work TrainingStep::Divide(std::span<const SentenceBatch> batches) const {
  Work work;
  for (const SentenceBatch batch : batches) {
    TrainingBatch whole = PackBatch(corpus_, batch);
    work.result.words += std::ssize(whole.rows);
    work.result.tokens += whole.packed.tokens();
    if (ranks_ == nullptr) {
      work.batches.push_back(std::move(whole));
      continue;
    }
    // Every rank has the whole corpus, so it knows what the others work on without asking.
    work.rows.insert(work.rows.end(), whole.packed.token_ids.begin(), whole.packed.token_ids.end());
    work.batches.push_back(PackBatch(corpus_, ShareOf(corpus_, batch, ranks_->place().rank, ranks_->place().ranks)));
  }
  std::sort(work.rows.begin(), work.rows.end());
  work.rows.erase(std::unique(work.rows.begin(), work.rows.end()), work.rows.end());
  return work;
}

bool TrainingStep::Differentiate(const Work& work, const std::atomic<bool>& stop, double& loss) {
  const auto ranks = static_cast<uint64_t>(ranks_ == nullptr ? 1 : ranks_->place().ranks);
  const auto rank = static_cast<uint64_t>(ranks_ == nullptr ? 0 : ranks_->place().rank);
  for (size_t i = 0; i < work.batches.size(); ++i) {
    const TrainingBatch& batch = work.batches[i];
    if (stop) return false;
    if (batch.rows.empty()) continue;
    const uint64_t seed = DeriveSeed(options_.seed, kDropoutStream, (batches_done_ + i) * ranks + rank);
    const at::Tensor logits = model_.TrainingLogits(batch.packed, batch.rows, seed);
    const at::Tensor gold = ToDevice(batch.tags, logits.device());
    // The mean over the words of the whole step, so that accumulation, or several ranks, equal a larger batch.
    at::Tensor sum = at::cross_entropy_loss(logits, gold, {}, at::Reduction::Sum);
    at::Tensor mean = sum / static_cast<double>(work.result.words);
    if (buckets_ != nullptr && i + 1 == work.batches.size()) buckets_->SendDuringBackward();
    mean.backward();
    loss += mean.item<double>();
  }
  return !stop;
}

absl::Status TrainingStep::Unite(double& loss, bool& stopped) {
  const at::Tensor sums = at::tensor({loss, stopped ? 1.0 : 0.0}, at::kDouble);
  absl::Status summed = buckets_->Finish();
  if (summed.ok()) summed = ranks_->Sum(sums);
  if (!summed.ok()) return summed;
  loss = sums[0].item<double>();
  stopped = sums[1].item<double>() > 0;
  return absl::OkStatus();
}

}  // namespace fintag
