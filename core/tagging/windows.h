// Cuts a sentence's tokens into windows that fit the encoder, overlapping where there is more than one. Each word is
// owned by exactly one window, the one in which its first token has most context, and is trained, scored and tagged
// there alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/text/wordpiece_tokenizer.h"

namespace fintag {

struct Window {
  std::vector<int32_t> token_ids;  // [CLS] ... [SEP], at most max_positions
  std::vector<int32_t> word_rows;  // for each owned word: row in token_ids of its first token
  std::vector<int32_t> words;      // for each owned word: its index in the sentence, ascending
};

// `tokens` as EncodeWords gives them; `max_positions` counts [CLS] and [SEP] and is at least 8. A sentence that fits
// gives one window; none gives none. Words without a token are owned by no window (they are tagged "O"). Neighbours
// share up to a quarter of a window; all have nearly the same length. A stretch that would own no word (inside a word
// of hundreds of tokens) gives no window.
std::vector<Window> MakeWindows(std::span<const Token> tokens, const SpecialTokens& special, int64_t max_positions);

}  // namespace fintag
