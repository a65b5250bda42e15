// Entity scores, equal to seqeval 1.2.2 in its default (not strict) mode.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tag_scheme.h"
#include "core/training/confusion.h"

namespace fintag {

struct EntityScores {
  std::string label;  // "PER", or empty for an average
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  int64_t support = 0;    // gold entities
  int64_t predicted = 0;  // predicted entities
  int64_t correct = 0;
};

struct Scores {
  EntityScores micro;                // the headline
  EntityScores macro;                // unweighted mean over labels
  std::vector<EntityScores> labels;  // sorted by label; those found in gold or prediction
  double accuracy = 0;               // share of words whose tag is equal
  int64_t words = 0;
  Confusion confusion;  // empty in records of before it was counted
};

using TagSequence = std::vector<std::string>;

// The entities that seqeval's get_entities finds in tags of any scheme, legal or not. It knows the prefixes B, I, E and
// S; U and L it takes for other letters, which join a neighbour of the same label. A tag without a hyphen has the label
// behind its first character, or "_".
std::vector<Span> SeqevalEntities(std::span<const std::string> tags);
std::vector<Span> SeqevalEntities(std::span<const std::string_view> tags);

// Precision, recall and F1 of an entity count; a ratio with an empty denominator is 0.
EntityScores ScoresOf(std::string label, int64_t support, int64_t predicted, int64_t correct);

// Scores a tagging sentence by sentence, in memory that does not grow. As in seqeval the sentences are looked at as one
// sequence with an O behind each (only tags that no scheme has can make the difference). Macro counts are sums. Zero
// where seqeval's zero_division=0 has it, and for the macro average of no labels.
class TagScorer {
 public:
  TagScorer();
  ~TagScorer();

  // As many tags each.
  void Add(std::span<const std::string_view> gold, std::span<const std::string_view> predicted);
  // To be called once, last.
  Scores Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All at once. `gold` and `predicted` must have the same shape.
Scores ScoreTags(std::span<const TagSequence> gold, std::span<const TagSequence> predicted);

}  // namespace fintag
