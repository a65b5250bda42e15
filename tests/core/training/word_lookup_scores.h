// The baseline of two corpora in memory.
#pragma once

#include "core/training/word_lookup.h"

namespace fintag {

inline Scores WordLookupScores(const Corpus& train, const Corpus& validation) {
  WordLookup lookup;
  for (const Sentence& sentence : train.sentences) lookup.Learn(sentence);
  TagScorer scorer;
  for (const Sentence& sentence : validation.sentences) {
    scorer.Add(std::vector<std::string_view>(sentence.tags.begin(), sentence.tags.end()),
               lookup.Tag(std::vector<std::string_view>(sentence.words.begin(), sentence.words.end())));
  }
  return scorer.Finish();
}

}  // namespace fintag
