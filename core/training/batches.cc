#include "core/training/batches.h"

#include <utility>

#include "core/training/random.h"
#include "core/training/seeds.h"

namespace fintag {

std::vector<SentenceBatch> PlanEpoch(const EncodedCorpus& corpus, const TrainingOptions& options, int32_t epoch) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < corpus.sentences.size(); ++i) {
    if (!corpus.sentences[i].windows.empty()) order.push_back(static_cast<int32_t>(i));
  }
  if (options.shuffle) {
    Random random(DeriveSeed(options.seed, kOrderStream, static_cast<uint64_t>(epoch)));
    Shuffle(std::span(order), random);
  }
  std::vector<SentenceBatch> batches;
  SentenceBatch batch;
  int64_t batch_tokens = 0;
  for (const int32_t index : order) {
    const int64_t tokens = corpus.sentences[index].tokens;
    const bool full = options.batch_tokens > 0 ? batch_tokens + tokens > options.batch_tokens
                                               : std::ssize(batch) == options.batch_sentences;
    if (full && !batch.empty()) {
      batches.push_back(std::exchange(batch, {}));
      batch_tokens = 0;
    }
    batch.push_back(index);
    batch_tokens += tokens;
  }
  if (!batch.empty()) batches.push_back(std::move(batch));
  return batches;
}

int64_t StepsOf(int64_t batches, const TrainingOptions& options) {
  return (batches + options.gradient_accumulation - 1) / options.gradient_accumulation;
}

TrainingBatch PackBatch(const EncodedCorpus& corpus, std::span<const int32_t> sentences) {
  TrainingBatch batch;
  for (const int32_t index : sentences) {
    const NumberedSentence& sentence = corpus.sentences[index];
    for (const Window& window : sentence.windows) {
      const int64_t start = batch.packed.tokens();
      batch.packed.Add(window.token_ids);
      for (size_t i = 0; i < window.words.size(); ++i) {
        const int32_t tag = sentence.tags[window.words[i]];
        if (tag == kForeignTag) continue;
        batch.rows.push_back(start + window.word_rows[i]);
        batch.tags.push_back(tag);
      }
    }
  }
  return batch;
}

}  // namespace fintag
