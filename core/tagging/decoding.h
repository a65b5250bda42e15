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
  kConstrained,  // the best legal IOB2 sequence (Viterbi over log-probabilities; I-X only behind B-X or I-X)
};

// One word's decoded tag.
struct WordTag {
  int32_t tag = 0;  // index in the model's tags
  float score = 0;  // its softmax probability
};

// `logits` is [words, tags.size()], row-major. Rows of words without tokens are marked by NaN in their first column
// and decode to "O" with score 1. Constrained: where the model has I-X but no B-X (scheme IO), I-X may start an entity;
// tags that are neither B-X nor I-X are legal anywhere.
std::vector<WordTag> DecodeTags(std::span<const float> logits, std::span<const std::string> tags, Decoding decoding);

// An entity of a sentence in words.
struct WordEntity {
  Span span;
  float score = 0;  // mean probability of its words' tags
};

// Spans as seqeval's default mode finds them (an I-X behind O starts one), with scores.
std::vector<WordEntity> EntitiesOf(std::span<const WordTag> word_tags, std::span<const std::string> tags);

}  // namespace fintag
