#include "core/tagging/decoding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>

namespace fintag {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

int32_t OutsideTag(std::span<const std::string> tags) {
  const auto found = std::find(tags.begin(), tags.end(), "O");
  return found == tags.end() ? 0 : static_cast<int32_t>(found - tags.begin());
}

// log(softmax(row)), stable for logits of any size.
void LogSoftmax(std::span<const float> row, std::span<float> out) {
  const float highest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float logit : row) sum += std::exp(static_cast<double>(logit) - highest);
  const double log_sum = std::log(sum) + highest;
  for (size_t i = 0; i < row.size(); ++i) out[i] = static_cast<float>(row[i] - log_sum);
}

bool IsWithoutToken(std::span<const float> row) { return std::isnan(row[0]); }

// Which tags may stand before which: everything, except that I-X wants B-X or I-X.
class Transitions {
 public:
  explicit Transitions(std::span<const std::string> tags) : begin_of_(tags.size(), kFree) {
    for (size_t i = 0; i < tags.size(); ++i) {
      if (!tags[i].starts_with("I-")) continue;
      const std::string begin = "B-" + tags[i].substr(2);
      const auto found = std::find(tags.begin(), tags.end(), begin);
      if (found != tags.end()) begin_of_[i] = static_cast<int32_t>(found - tags.begin());
    }
  }

  bool MayStart(size_t tag) const { return begin_of_[tag] == kFree; }
  // Of a tag that may not start: its B-X. Its other predecessor is itself.
  int32_t BeginOf(size_t tag) const { return begin_of_[tag]; }

 private:
  static constexpr int32_t kFree = -1;
  std::vector<int32_t> begin_of_;
};

// Viterbi: `log_probabilities` is [words, tags]; entries of -infinity are never taken. Linear in the tags, since all
// free tags share one best predecessor.
std::vector<int32_t> BestLegalSequence(std::span<const float> log_probabilities, size_t tag_count,
                                       const Transitions& transitions) {
  const size_t words = log_probabilities.size() / tag_count;
  std::vector<double> score(tag_count);
  std::vector<double> next(tag_count);
  std::vector<int32_t> previous(words * tag_count, 0);
  for (size_t word = 0; word < words; ++word) {
    const std::span<const float> row = log_probabilities.subspan(word * tag_count, tag_count);
    const auto best = static_cast<int32_t>(std::max_element(score.begin(), score.end()) - score.begin());
    for (size_t tag = 0; tag < tag_count; ++tag) {
      double before = 0;
      auto from = static_cast<int32_t>(tag);
      if (transitions.MayStart(tag)) {
        before = word == 0 ? 0 : score[best];
        from = best;
      } else if (word == 0) {
        before = kNever;
      } else {
        const int32_t begin = transitions.BeginOf(tag);
        if (score[begin] > score[tag]) from = begin;
        before = score[from];
      }
      next[tag] = before + row[tag];
      previous[word * tag_count + tag] = from;
    }
    score.swap(next);
  }

  std::vector<int32_t> sequence(words);
  auto tag = static_cast<int32_t>(std::max_element(score.begin(), score.end()) - score.begin());
  for (size_t word = words; word-- > 0;) {
    sequence[word] = tag;
    tag = previous[word * tag_count + tag];
  }
  return sequence;
}

// The two halves of a tag as seqeval reads them: "B-ORG" is 'B' and "ORG"; "O" and "B" have the label "_".
struct SplitTag {
  explicit SplitTag(std::string_view tag) : prefix(tag.empty() ? 'O' : tag[0]) {
    std::string_view rest = tag.empty() ? tag : tag.substr(1);
    if (const size_t dash = rest.find('-'); dash != std::string_view::npos) rest.remove_prefix(dash + 1);
    label = rest.empty() ? "_" : rest;
  }
  bool outside() const { return prefix == 'O' || prefix == '.'; }

  char prefix;
  std::string_view label;
};

// seqeval 1.2.2, metrics/sequence_labeling.py, end_of_chunk and start_of_chunk.
bool EndsEntity(const SplitTag& before, const SplitTag& tag) {
  if (before.prefix == 'E' || before.prefix == 'S') return true;
  if ((before.prefix == 'B' || before.prefix == 'I') && (tag.prefix == 'B' || tag.prefix == 'S' || tag.prefix == 'O')) {
    return true;
  }
  return !before.outside() && before.label != tag.label;
}

bool StartsEntity(const SplitTag& before, const SplitTag& tag) {
  if (tag.prefix == 'B' || tag.prefix == 'S') return true;
  if ((before.prefix == 'E' || before.prefix == 'S' || before.prefix == 'O') &&
      (tag.prefix == 'E' || tag.prefix == 'I')) {
    return true;
  }
  return !tag.outside() && before.label != tag.label;
}

}  // namespace

std::vector<WordTag> DecodeTags(std::span<const float> logits, std::span<const std::string> tags, Decoding decoding) {
  if (tags.empty()) return {};
  const size_t tag_count = tags.size();
  const size_t words = logits.size() / tag_count;
  const auto outside = static_cast<size_t>(OutsideTag(tags));

  std::vector<float> log_probabilities(words * tag_count, kNever);
  for (size_t word = 0; word < words; ++word) {
    const std::span<const float> row = logits.subspan(word * tag_count, tag_count);
    const std::span<float> out = std::span(log_probabilities).subspan(word * tag_count, tag_count);
    if (IsWithoutToken(row)) {
      out[outside] = 0;
    } else {
      LogSoftmax(row, out);
    }
  }

  std::vector<int32_t> sequence(words);
  if (decoding == Decoding::kConstrained) {
    if (words > 0) sequence = BestLegalSequence(log_probabilities, tag_count, Transitions(tags));
  } else {
    // On the logits themselves, the first of equal ones, as torch.argmax takes it: two logits that differ may have
    // equal log-probabilities after rounding.
    for (size_t word = 0; word < words; ++word) {
      const std::span<const float> row = logits.subspan(word * tag_count, tag_count);
      sequence[word] =
          static_cast<int32_t>(IsWithoutToken(row) ? outside : std::max_element(row.begin(), row.end()) - row.begin());
    }
  }

  std::vector<WordTag> result(words);
  for (size_t word = 0; word < words; ++word) {
    result[word].tag = sequence[word];
    result[word].score = std::exp(log_probabilities[word * tag_count + sequence[word]]);
  }
  return result;
}

std::vector<WordEntity> EntitiesOf(std::span<const WordTag> word_tags, std::span<const std::string> tags) {
  std::vector<SplitTag> split(tags.begin(), tags.end());
  const SplitTag outside("O");
  std::vector<WordEntity> entities;
  SplitTag before = outside;
  int32_t begin = 0;
  const auto words = static_cast<int32_t>(word_tags.size());
  for (int32_t word = 0; word <= words; ++word) {
    const SplitTag& tag = word == words ? outside : split[word_tags[word].tag];
    if (word > 0 && EndsEntity(before, tag)) {
      double sum = 0;
      for (int32_t i = begin; i < word; ++i) sum += word_tags[i].score;
      entities.push_back({{begin, word, std::string(before.label)}, static_cast<float>(sum / (word - begin))});
    }
    if (StartsEntity(before, tag)) begin = word;
    before = tag;
  }
  return entities;
}

}  // namespace fintag
