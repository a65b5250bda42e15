// The model on a validation part: its tags for every word, and what they score.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/token_classifier.h"
#include "core/text/corpus.h"
#include "core/training/encoded_corpus.h"
#include "core/training/scores.h"

namespace fintag {

struct Evaluation {
  double loss = 0;                     // mean cross entropy over the words whose tag the model knows
  std::vector<TagSequence> predicted;  // one sequence a sentence; "O" where a word has no token
};

// Arg-max tags. `encoded` is the encoded `corpus`. CANCELLED once `stop` is true, looked at every few milliseconds to
// a second of work. Other errors are the model's.
absl::StatusOr<Evaluation> Evaluate(const TokenClassifier& model, const EncodedCorpus& encoded,
                                    const std::atomic<bool>& stop);

// The tags of a corpus, one sequence a sentence.
std::vector<TagSequence> GoldTags(const Corpus& corpus);

}  // namespace fintag
