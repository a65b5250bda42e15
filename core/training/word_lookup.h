// The baseline without a model: each word gets its most frequent label in training, "outside" being one (the first seen
// at a tie; outside where it was never seen), and neighbours of one label are one entity. The tag scheme plays no part:
// with B- and I- kept apart, FIN would score otherwise than in its own IO tags. On text with few names the lookup is
// hard to beat, so it stands beside every result.
#pragma once

#include <span>

#include "core/text/corpus.h"
#include "core/training/scores.h"

namespace fintag {

Scores WordLookupScores(const Corpus& train, const Corpus& validation);

// Scores over those entities alone, gold and predicted, whose surface form (words joined by a space) is no entity of
// `train`. `predicted` has one sequence per sentence of `validation`.
EntityScores UnseenEntityScores(const Corpus& train, const Corpus& validation, std::span<const TagSequence> predicted);

}  // namespace fintag
