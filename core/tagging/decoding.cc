#include "core/tagging/decoding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
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

// The scheme of a label that has these prefixes; nothing if there is none. IOB1 and IOE1 are never found: they cannot
// be told from IOB2 and IOE2, which are more usual.
std::optional<TagScheme> SchemeOf(std::span<const ParsedTag> tags) {
  for (TagScheme scheme : {TagScheme::kIo, TagScheme::kIob2, TagScheme::kIoe2, TagScheme::kIobes, TagScheme::kBilou}) {
    if (std::all_of(tags.begin(), tags.end(), [&](const ParsedTag& tag) { return HasPrefix(scheme, tag.prefix); })) {
      return scheme;
    }
  }
  return std::nullopt;
}

// Which tags may stand next to which. A neighbour of another label is like O to a tag, so two flags say it all but for
// the few pairs within a label.
class Transitions {
 public:
  explicit Transitions(std::span<const std::string> tags)
      : may_start_(tags.size(), true), may_end_(tags.size(), true), before_(tags.size()) {
    struct Label {
      std::vector<int32_t> indices;
      std::vector<ParsedTag> tags;
    };
    std::map<std::string_view, Label> labels;
    for (size_t i = 0; i < tags.size(); ++i) {
      const std::optional<ParsedTag> tag = ParseTag(tags[i]);
      if (!tag || tag->prefix == 'O') continue;
      labels[tag->label].indices.push_back(static_cast<int32_t>(i));
      labels[tag->label].tags.push_back(*tag);
    }
    for (const auto& [name, label] : labels) {
      const std::optional<TagScheme> scheme = SchemeOf(label.tags);
      if (!scheme) continue;
      for (size_t i = 0; i < label.tags.size(); ++i) {
        const int32_t tag = label.indices[i];
        may_start_[tag] = IsLegalPair(*scheme, {}, label.tags[i]);
        may_end_[tag] = IsLegalPair(*scheme, label.tags[i], {});
        for (size_t j = 0; j < label.tags.size(); ++j) {
          if (IsLegalPair(*scheme, label.tags[j], label.tags[i])) before_[tag].push_back(label.indices[j]);
        }
      }
    }
  }

  // Behind O, and behind whatever may end.
  bool MayStart(size_t tag) const { return may_start_[tag]; }
  bool MayEnd(size_t tag) const { return may_end_[tag]; }
  // Tags of the same label that may stand before `tag`.
  const std::vector<int32_t>& Before(size_t tag) const { return before_[tag]; }

 private:
  std::vector<bool> may_start_, may_end_;
  std::vector<std::vector<int32_t>> before_;
};

struct BestTag {
  int32_t tag = 0;
  double score = kNever;
};

BestTag BestEnd(std::span<const double> score, const Transitions& transitions) {
  BestTag best;
  for (size_t tag = 0; tag < score.size(); ++tag) {
    if (transitions.MayEnd(tag) && score[tag] > best.score) best = {static_cast<int32_t>(tag), score[tag]};
  }
  return best;
}

// Viterbi: `log_probabilities` is [words, tags]; entries of -infinity are never taken. Linear in the tags, since all
// tags that may start share one best predecessor. Empty if nothing is legal.
std::vector<int32_t> BestLegalSequence(std::span<const float> log_probabilities, size_t tag_count,
                                       const Transitions& transitions) {
  const size_t words = log_probabilities.size() / tag_count;
  std::vector<double> score(tag_count);
  std::vector<double> next(tag_count);
  std::vector<int32_t> previous(words * tag_count, 0);
  for (size_t word = 0; word < words; ++word) {
    const std::span<const float> row = log_probabilities.subspan(word * tag_count, tag_count);
    const BestTag end = word == 0 ? BestTag{0, 0} : BestEnd(score, transitions);
    for (size_t tag = 0; tag < tag_count; ++tag) {
      BestTag before;
      if (transitions.MayStart(tag)) before = end;
      for (size_t i = 0; word > 0 && i < transitions.Before(tag).size(); ++i) {
        const int32_t other = transitions.Before(tag)[i];
        if (score[other] > before.score) before = {other, score[other]};
      }
      next[tag] = before.score + row[tag];
      previous[word * tag_count + tag] = before.tag;
    }
    score.swap(next);
  }

  BestTag last = BestEnd(score, transitions);
  if (last.score == kNever) return {};
  std::vector<int32_t> sequence(words);
  for (size_t word = words; word-- > 0;) {
    sequence[word] = last.tag;
    last.tag = previous[word * tag_count + last.tag];
  }
  return sequence;
}

// The two halves of a tag as seqeval reads them: "B-ORG" is 'B' and "ORG"; "O" and "B" have the label "_". Those of
// BILOU by their names in IOBES: seqeval's default mode would join or lose entities that touch.
struct SplitTag {
  explicit SplitTag(std::string_view tag) : prefix(tag.empty() ? 'O' : tag[0]) {
    if (ParseTag(tag) && prefix == 'L') prefix = 'E';
    if (ParseTag(tag) && prefix == 'U') prefix = 'S';
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

  std::vector<int32_t> sequence;
  if (decoding == Decoding::kConstrained && words > 0) {
    sequence = BestLegalSequence(log_probabilities, tag_count, Transitions(tags));
  }
  if (sequence.empty()) {
    sequence.resize(words);
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
