#include "core/training/evaluation.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "absl/status/status.h"

namespace fintag {
namespace {

// Enough rows to fill the matrix products, few enough to stay in the caches and to stop within a second.
constexpr int64_t kBatchTokens = 1024;

struct WindowOfSentence {
  int32_t sentence;
  int32_t window;
  int32_t tokens;
  int64_t first_word;  // of the sentence, among those of all
};

// Longest first, so that what runs together is alike. Adds up the words of all sentences.
std::vector<WindowOfSentence> WindowsByLength(const TokenCache& cache, int64_t& words) {
  std::vector<WindowOfSentence> windows;
  for (int64_t i = 0; i < cache.size(); ++i) {
    const CachedSentence sentence = cache[i];
    for (int32_t w = 0; w < sentence.windows(); ++w) {
      windows.push_back({static_cast<int32_t>(i), w, static_cast<int32_t>(sentence.window(w).token_ids.size()), words});
    }
    words += sentence.words();
  }
  std::stable_sort(windows.begin(), windows.end(), [](const auto& a, const auto& b) { return a.tokens > b.tokens; });
  return windows;
}

double CrossEntropy(std::span<const float> logits, int32_t tag) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) + largest - logits[tag];
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const TokenClassifier& model, const TokenCache& cache,
                                    const std::atomic<bool>& stop) {
  const size_t tags = model.config().tags.size();
  Evaluation evaluation;
  int64_t all_words = 0;
  const std::vector<WindowOfSentence> windows = WindowsByLength(cache, all_words);
  evaluation.predicted.resize(static_cast<size_t>(all_words));
  double loss = 0;
  int64_t words = 0;
  for (size_t begin = 0; begin < windows.size();) {
    if (stop) return absl::CancelledError("stopped during the evaluation");
    PackedBatch batch;
    size_t end = begin;
    while (end < windows.size() && (end == begin || batch.tokens() + windows[end].tokens <= kBatchTokens)) {
      const auto window = cache[windows[end].sentence].window(windows[end].window);
      batch.Add({window.token_ids.begin(), window.token_ids.end()});
      ++end;
    }
    const absl::StatusOr<at::Tensor> logits = model.Logits(batch);
    if (!logits.ok()) return logits.status();
    const float* rows = logits->const_data_ptr<float>();
    for (size_t i = begin; i < end; ++i) {
      const CachedSentence sentence = cache[windows[i].sentence];
      const CachedSentence::WindowView window = sentence.window(windows[i].window);
      for (int32_t word = window.first_word; word < window.end_word; ++word) {
        if (sentence.rows()[word] < 0) continue;
        const int64_t row = batch.offsets[i - begin] + sentence.rows()[word];
        const std::span<const float> scores(rows + row * static_cast<int64_t>(tags), tags);
        const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
        evaluation.predicted[windows[i].first_word + word] = static_cast<int32_t>(best);
        const int32_t gold = sentence.tags()[word];
        if (gold >= cache.model_tags()) continue;
        loss += CrossEntropy(scores, gold);
        ++words;
      }
    }
    begin = end;
  }
  evaluation.loss = words > 0 ? loss / static_cast<double>(words) : 0;
  return evaluation;
}

}  // namespace fintag
