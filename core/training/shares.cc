#include "core/training/shares.h"

#include <algorithm>
#include <numeric>

namespace fintag {

std::vector<int32_t> ShareOf(const TokenCache& corpus, SentenceBatch batch, int32_t rank, int32_t ranks) {
  std::vector<size_t> longest_first(batch.size());
  std::iota(longest_first.begin(), longest_first.end(), size_t{0});
  std::stable_sort(longest_first.begin(), longest_first.end(),
                   [&](size_t a, size_t b) { return corpus.tokens(batch[a]) > corpus.tokens(batch[b]); });
  std::vector<int64_t> tokens(static_cast<size_t>(ranks), 0);
  std::vector<size_t> own;
  for (const size_t place : longest_first) {
    const auto least = std::min_element(tokens.begin(), tokens.end());
    *least += corpus.tokens(batch[place]);
    if (least - tokens.begin() == rank) own.push_back(place);
  }
  std::sort(own.begin(), own.end());
  std::vector<int32_t> sentences;
  for (const size_t place : own) sentences.push_back(batch[place]);
  return sentences;
}

}  // namespace fintag
