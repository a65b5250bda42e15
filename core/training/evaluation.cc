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
  const Window* window;
  int64_t tokens() const { return static_cast<int64_t>(window->token_ids.size()); }
};

// Longest first, so that what runs together is alike.
std::vector<WindowOfSentence> WindowsByLength(const EncodedCorpus& encoded) {
  std::vector<WindowOfSentence> windows;
  for (size_t i = 0; i < encoded.sentences.size(); ++i) {
    for (const Window& window : encoded.sentences[i].windows) windows.push_back({static_cast<int32_t>(i), &window});
  }
  std::stable_sort(windows.begin(), windows.end(),
                   [](const auto& a, const auto& b) { return a.tokens() > b.tokens(); });
  return windows;
}

double CrossEntropy(std::span<const float> logits, int32_t tag) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) + largest - logits[tag];
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const TokenClassifier& model, const EncodedCorpus& encoded,
                                    const std::atomic<bool>& stop) {
  const std::vector<std::string>& tags = model.config().tags;
  Evaluation evaluation;
  for (const NumberedSentence& sentence : encoded.sentences)
    evaluation.predicted.emplace_back(sentence.tags.size(), "O");
  double loss = 0;
  int64_t words = 0;
  const std::vector<WindowOfSentence> windows = WindowsByLength(encoded);
  for (size_t begin = 0; begin < windows.size();) {
    if (stop) return absl::CancelledError("stopped during the evaluation");
    PackedBatch batch;
    size_t end = begin;
    while (end < windows.size() && (end == begin || batch.tokens() + windows[end].tokens() <= kBatchTokens)) {
      batch.Add(windows[end++].window->token_ids);
    }
    const absl::StatusOr<at::Tensor> logits = model.Logits(batch);
    if (!logits.ok()) return logits.status();
    const float* rows = logits->const_data_ptr<float>();
    for (size_t i = begin; i < end; ++i) {
      const Window& window = *windows[i].window;
      for (size_t k = 0; k < window.words.size(); ++k) {
        const int64_t row = batch.offsets[i - begin] + window.word_rows[k];
        const std::span<const float> scores(rows + row * std::ssize(tags), tags.size());
        const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
        evaluation.predicted[windows[i].sentence][window.words[k]] = tags[best];
        const int32_t gold = encoded.sentences[windows[i].sentence].tags[window.words[k]];
        if (gold == kForeignTag) continue;
        loss += CrossEntropy(scores, gold);
        ++words;
      }
    }
    begin = end;
  }
  evaluation.loss = words > 0 ? loss / static_cast<double>(words) : 0;
  return evaluation;
}

std::vector<TagSequence> GoldTags(const Corpus& corpus) {
  std::vector<TagSequence> tags;
  for (const Sentence& sentence : corpus.sentences) tags.push_back(sentence.tags);
  return tags;
}

}  // namespace fintag
