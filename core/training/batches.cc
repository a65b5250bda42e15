#include "core/training/batches.h"

#include "core/training/random.h"
#include "core/training/seeds.h"

namespace fintag {

SentenceBatch EpochPlan::operator[](int64_t batch) const {
  const auto begin = static_cast<size_t>(batch == 0 ? 0 : ends_[static_cast<size_t>(batch) - 1]);
  return std::span(order_).subspan(begin, static_cast<size_t>(ends_[static_cast<size_t>(batch)]) - begin);
}

EpochPlan PlanEpoch(const TokenCache& corpus, const TrainingOptions& options, int32_t epoch) {
  EpochPlan plan;
  for (int64_t i = 0; i < corpus.size(); ++i) {
    if (corpus.tokens(i) > 0) plan.order_.push_back(static_cast<int32_t>(i));
  }
  if (options.shuffle) {
    Random random(DeriveSeed(options.seed, kOrderStream, static_cast<uint64_t>(epoch)));
    Shuffle(std::span(plan.order_), random);
  }
  int64_t batch_sentences = 0;
  int64_t batch_tokens = 0;
  for (size_t i = 0; i < plan.order_.size(); ++i) {
    const int64_t tokens = options.batch_tokens > 0 ? corpus.tokens(plan.order_[i]) : 0;
    const bool full = options.batch_tokens > 0 ? batch_tokens + tokens > options.batch_tokens
                                               : batch_sentences == options.batch_sentences;
    if (full && batch_sentences > 0) {
      plan.ends_.push_back(static_cast<int32_t>(i));
      batch_sentences = 0;
      batch_tokens = 0;
    }
    ++batch_sentences;
    batch_tokens += tokens;
  }
  if (batch_sentences > 0) plan.ends_.push_back(static_cast<int32_t>(plan.order_.size()));
  return plan;
}

int64_t StepsOf(int64_t batches, const TrainingOptions& options) {
  return (batches + options.gradient_accumulation - 1) / options.gradient_accumulation;
}

TrainingBatch PackBatch(const TokenCache& corpus, SentenceBatch sentences) {
  TrainingBatch batch;
  for (const int32_t index : sentences) {
    const CachedSentence sentence = corpus[index];
    for (int32_t w = 0; w < sentence.windows(); ++w) {
      const CachedSentence::WindowView window = sentence.window(w);
      const int64_t start = batch.packed.tokens();
      batch.packed.Add({window.token_ids.begin(), window.token_ids.end()});
      for (int32_t word = window.first_word; word < window.end_word; ++word) {
        const int32_t row = sentence.rows()[word];
        const int32_t tag = sentence.tags()[word];
        if (row < 0 || tag >= corpus.model_tags()) continue;
        batch.rows.push_back(start + row);
        batch.tags.push_back(tag);
      }
    }
  }
  return batch;
}

}  // namespace fintag
