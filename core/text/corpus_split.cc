// SplitCorpus of corpus_file.h.
#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <utility>

#include "core/text/corpus_file.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

// std::shuffle may differ between standard libraries; the same seed is to give the same split everywhere.
std::vector<size_t> ShuffledIndices(size_t count, uint64_t seed) {
  std::vector<size_t> indices(count);
  for (size_t i = 0; i < count; ++i) indices[i] = i;
  std::mt19937_64 random(seed);
  for (size_t i = count; i > 1; --i) std::swap(indices[i - 1], indices[random() % i]);
  return indices;
}

// Adds to `chosen` those of `candidates` whose sizes sum up to as near as possible to `target`: the first way found in
// the order of `candidates`. Time: their number times `target` plus the largest size, at worst.
void ChooseNearest(const std::vector<size_t>& candidates, const std::vector<size_t>& sizes, size_t target, size_t most,
                   std::vector<bool>& chosen) {
  constexpr size_t kNone = static_cast<size_t>(-1);
  std::vector<size_t> last(most + 1, kNone);  // index into candidates that first made this sum possible
  size_t reached = 0;
  for (size_t c = 0; c < candidates.size() && last[target] == kNone; ++c) {
    const size_t size = sizes[candidates[c]];
    if (size > most) continue;
    reached = std::min(most, reached + size);
    for (size_t sum = reached; sum >= size; --sum) {
      if (last[sum] == kNone && (sum == size || last[sum - size] != kNone)) last[sum] = c;
    }
  }
  for (size_t distance = 0;; ++distance) {
    size_t sum = 0;
    if (distance < target && last[target - distance] != kNone) {
      sum = target - distance;
    } else if (target + distance <= most && last[target + distance] != kNone) {
      sum = target + distance;
    } else if (distance >= target && target + distance > most) {
      return;
    }
    if (sum == 0) continue;
    while (sum > 0) {
      const size_t candidate = candidates[last[sum]];
      chosen[candidate] = true;
      sum -= sizes[candidate];
    }
    return;
  }
}

// Which documents go to the second part.
std::vector<bool> ChooseDocuments(const std::vector<size_t>& sizes, size_t sentences, double fraction, uint64_t seed) {
  std::vector<bool> chosen(sizes.size(), false);
  const size_t target = std::clamp<size_t>(static_cast<size_t>(std::llround(fraction * static_cast<double>(sentences))),
                                           1, sentences - 1);
  const std::vector<size_t> order = ShuffledIndices(sizes.size(), seed);
  // Where the exact search would be long, whole documents fill the part up to a rest that it can do.
  constexpr size_t kLongSearch = 50'000'000;
  constexpr size_t kRest = 4096;
  size_t left = target;
  if (sizes.size() * target > kLongSearch) {
    for (size_t document : order) {
      if (left > kRest && sizes[document] <= left - kRest) {
        chosen[document] = true;
        left -= sizes[document];
      }
    }
  }
  std::vector<size_t> rest;
  size_t largest = 0;
  size_t rest_sentences = 0;
  for (size_t document : order) {
    if (chosen[document] || sizes[document] == 0) continue;
    rest.push_back(document);
    largest = std::max(largest, sizes[document]);
    rest_sentences += sizes[document];
  }
  // The first part must not end up empty.
  const size_t most = std::min(left + largest, rest_sentences - 1);
  ChooseNearest(rest, sizes, std::min(left, most), most, chosen);
  return chosen;
}

std::vector<std::string> LabelsOf(const CorpusFile& corpus, const std::set<int32_t>& sets) {
  std::set<std::string> labels;
  for (const int32_t set : sets) {
    const std::vector<std::string>& some = corpus.label_sets[static_cast<size_t>(set)];
    labels.insert(some.begin(), some.end());
  }
  return {labels.begin(), labels.end()};
}

}  // namespace

absl::StatusOr<CorpusSplit> SplitCorpus(const CorpusFile& corpus, double fraction, uint64_t seed) {
  const size_t count = corpus.sentences.size();
  if (!(fraction > 0 && fraction < 1)) {
    return absl::InvalidArgumentError(StrCat("the fraction of a split must be over 0 and under 1, is ", fraction));
  }
  if (count < 2) {
    return absl::InvalidArgumentError(
        StrCat("a corpus of ", count, " sentences cannot be split; it needs at least two, or a validation file"));
  }
  CorpusSplit split;
  split.second.resize(count);
  std::vector<size_t> sizes(static_cast<size_t>(std::max(corpus.documents, 1)), 0);
  for (const auto& sentence : corpus.sentences) ++sizes[static_cast<size_t>(sentence.document)];
  if (std::count(sizes.begin(), sizes.end(), 0) + 2 <= static_cast<std::ptrdiff_t>(sizes.size())) {
    const std::vector<bool> chosen = ChooseDocuments(sizes, count, fraction, seed);
    for (size_t i = 0; i < count; ++i) split.second[i] = chosen[static_cast<size_t>(corpus.sentences[i].document)];
  } else {
    const size_t size =
        std::clamp<size_t>(static_cast<size_t>(std::llround(fraction * static_cast<double>(count))), 1, count - 1);
    const std::vector<size_t> order = ShuffledIndices(count, seed);
    for (size_t i = 0; i < size; ++i) split.second[order[i]] = true;
  }
  split.second_sentences = std::count(split.second.begin(), split.second.end(), true);
  std::set<int32_t> sets[2];
  for (size_t i = 0; i < count; ++i) sets[split.second[i] ? 1 : 0].insert(corpus.sentences[i].label_set);
  split.first_labels = LabelsOf(corpus, sets[0]);
  split.second_labels = LabelsOf(corpus, sets[1]);
  return split;
}

}  // namespace fintag
