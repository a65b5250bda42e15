// The baseline without a model: each word gets its most frequent label in training, "outside" being one (the first seen
// at a tie; outside where it was never seen), and neighbours of one label are one entity. The tag scheme plays no part:
// with B- and I- kept apart, FIN would score otherwise than in its own IO tags. On text with few names the lookup is
// hard to beat, so it stands beside every result.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "core/text/corpus.h"
#include "core/text/strings.h"
#include "core/training/scores.h"

namespace fintag {

// Its memory grows with the distinct words alone.
class WordLookup {
 public:
  WordLookup();

  // Counts a sentence of the training part.
  void Learn(const Sentence& sentence);

  // The IOB2 tag of each word of a sentence, as it was learned until now. Their texts live as long as the lookup.
  std::vector<std::string_view> Tag(std::span<const std::string_view> words) const;

 private:
  struct Label {
    std::string begin, inside;  // its tags; both "O" for outside
  };
  // (Label's number, how often), in order of sight: nearly always one.
  using Counts = absl::InlinedVector<std::pair<int32_t, int64_t>, 1>;

  std::deque<Label> labels_;  // the first is outside
  absl::flat_hash_map<std::string, int32_t> label_numbers_;
  absl::flat_hash_map<std::string, Counts> counts_;  // by word
};

// The entities of a training part by their surface forms: words joined by a space.
class SeenEntities {
 public:
  void Learn(const Sentence& sentence);
  bool Contains(std::string_view form) const { return forms_.contains(AbslView(form)); }

 private:
  absl::flat_hash_set<std::string> forms_;
};

// Scores those entities alone, gold and predicted, whose surface form training never saw.
class UnseenEntityScorer {
 public:
  // `seen` must outlive it.
  explicit UnseenEntityScorer(const SeenEntities& seen) : seen_(seen) {}

  // A sentence: as many words and tags.
  void Add(std::span<const std::string_view> words, std::span<const std::string_view> gold,
           std::span<const std::string_view> predicted);
  EntityScores Finish() const { return ScoresOf("", support_, predicted_, correct_); }

 private:
  const SeenEntities& seen_;
  int64_t support_ = 0;
  int64_t predicted_ = 0;
  int64_t correct_ = 0;
};

}  // namespace fintag
