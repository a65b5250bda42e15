// Splits running text into the words that get tags: at white space, then punctuation off both ends of each piece, in
// the manner of the treebanks that tagged corpora are split by ("Inc.," -> "Inc." ","; "Lender's" -> "Lender" "'s").
// The corpus reader for running text and the tagger split alike, so a model sees the words it was trained on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag {

struct TextWord {
  std::string text;
  int32_t begin;  // code points of the given text
  int32_t end;    // exclusive
};

// INVALID_ARGUMENT with the byte position if `text` is not UTF-8.
absl::StatusOr<std::vector<TextWord>> SplitWords(std::string_view text);

}  // namespace fintag
