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

// What the batches give, those of other ranks being zero.
struct Sums {
  at::Tensor predicted;  // [words of all sentences], int32
  at::Tensor losses;     // [batches], float64: the sum over a batch's words
  at::Tensor words;      // [1], int64: those with a loss
  at::Tensor stopped;    // [1], int64
};

// Reads the logits of a batch's words into the sums.
void CountBatch(const TokenCache& cache, std::span<const WindowOfSentence> windows, const at::Tensor& logits,
                int64_t batch_index, const Sums& sums) {
  const auto tags = static_cast<size_t>(logits.size(1));
  const float* row = logits.const_data_ptr<float>();
  auto* predicted = sums.predicted.mutable_data_ptr<int32_t>();
  double& loss = sums.losses.mutable_data_ptr<double>()[batch_index];
  int64_t& words = *sums.words.mutable_data_ptr<int64_t>();
  for (const WindowOfSentence& of_sentence : windows) {
    const CachedSentence sentence = cache[of_sentence.sentence];
    const CachedSentence::WindowView window = sentence.window(of_sentence.window);
    for (int32_t word = window.first_word; word < window.end_word; ++word) {
      if (sentence.rows()[word] < 0) continue;
      const std::span<const float> scores(row, tags);
      row += tags;
      const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
      predicted[of_sentence.first_word + word] = static_cast<int32_t>(best);
      const int32_t gold = sentence.tags()[word];
      if (gold >= cache.model_tags()) continue;
      loss += CrossEntropy(scores, gold);
      ++words;
    }
  }
}

// Where each batch ends, in windows.
std::vector<size_t> BatchEnds(const std::vector<WindowOfSentence>& windows) {
  std::vector<size_t> ends;
  for (size_t begin = 0; begin < windows.size(); begin = ends.back()) {
    int64_t tokens = windows[begin].tokens;
    size_t end = begin + 1;
    while (end < windows.size() && tokens + windows[end].tokens <= kBatchTokens) tokens += windows[end++].tokens;
    ends.push_back(end);
  }
  return ends;
}

absl::Status SumOverRanks(const Sums& sums, RankGroup& ranks) {
  for (const at::Tensor& tensor : {sums.predicted, sums.losses, sums.words, sums.stopped}) {
    if (tensor.numel() == 0) continue;
    if (absl::Status summed = ranks.Sum(tensor); !summed.ok()) return summed;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const TokenClassifier& model, const TokenCache& cache,
                                    const std::atomic<bool>& stop, RankGroup* ranks) {
  int64_t all_words = 0;
  const std::vector<WindowOfSentence> windows = WindowsByLength(cache, all_words);
  const std::vector<size_t> ends = BatchEnds(windows);
  const Sums sums{at::zeros({all_words}, at::kInt), at::zeros({std::ssize(ends)}, at::kDouble),
                  at::zeros({1}, at::kLong), at::zeros({1}, at::kLong)};
  const size_t first = ranks == nullptr ? 0 : static_cast<size_t>(ranks->place().rank);
  const size_t stride = ranks == nullptr ? 1 : static_cast<size_t>(ranks->place().ranks);
  for (size_t i = first; i < ends.size() && !stop; i += stride) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    const auto of_batch = std::span(windows).subspan(begin, ends[i] - begin);
    PackedBatch batch;
    std::vector<int64_t> rows;
    for (const WindowOfSentence& of_sentence : of_batch) {
      const CachedSentence sentence = cache[of_sentence.sentence];
      const CachedSentence::WindowView window = sentence.window(of_sentence.window);
      for (int32_t word = window.first_word; word < window.end_word; ++word) {
        if (sentence.rows()[word] >= 0) rows.push_back(batch.tokens() + sentence.rows()[word]);
      }
      batch.Add({window.token_ids.begin(), window.token_ids.end()});
    }
    const absl::StatusOr<at::Tensor> logits = model.Logits(batch, rows);
    if (!logits.ok()) return logits.status();
    CountBatch(cache, of_batch, *logits, static_cast<int64_t>(i), sums);
  }
  if (stop) sums.stopped.fill_(1);
  if (ranks != nullptr) {
    if (absl::Status summed = SumOverRanks(sums, *ranks); !summed.ok()) return summed;
  }
  if (sums.stopped.item<int64_t>() > 0) return absl::CancelledError("stopped during the evaluation");
  Evaluation evaluation;
  const auto* predicted = sums.predicted.const_data_ptr<int32_t>();
  evaluation.predicted.assign(predicted, predicted + all_words);
  double loss = 0;
  for (int64_t i = 0; i < sums.losses.size(0); ++i) loss += sums.losses.const_data_ptr<double>()[i];
  const auto words = sums.words.item<int64_t>();
  evaluation.loss = words > 0 ? loss / static_cast<double>(words) : 0;
  return evaluation;
}

}  // namespace fintag
