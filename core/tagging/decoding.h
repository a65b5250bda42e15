// From scores of tags to tags and entities.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/text/tag_scheme.h"

namespace fintag {

enum class Decoding {
  kArgMax,       // each word's best tag by itself, as transformers has it
  kConstrained,  // the best legal sequence (Viterbi over log-probabilities)
};

// One word's decoded tag.
struct WordTag {
  int32_t tag = 0;  // index in the model's tags
  float score = 0;  // its softmax probability
};

// `logits` is [words, tags.size()], row-major. Rows of words without tokens are marked by NaN in their first column
// and decode to "O" with score 1. Constrained: what is legal follows from the prefixes that a label has among the tags
// (IsLegalPair). I alone is IO; I and B are IOB2, I and E are IOE2 (IOB1 and IOE1 have the same tags: a model trained
// on those is better decoded by arg-max); otherwise IOBES or BILOU. A label with prefixes of no one scheme is free, and
// so are tags without label and prefix. Arg-max where the model's tags have no legal sequence.
std::vector<WordTag> DecodeTags(std::span<const float> logits, std::span<const std::string> tags, Decoding decoding);

// An entity of a sentence in words.
struct WordEntity {
  Span span;
  float score = 0;  // mean probability of its words' tags
};

// Spans as seqeval's default mode finds them (an I-X behind O starts one), with scores. BILOU's L-X and U-X, which that
// mode does not know, count as E-X and S-X.
std::vector<WordEntity> EntitiesOf(std::span<const WordTag> word_tags, std::span<const std::string> tags);

}  // namespace fintag
