// From marked spans of a running text to tagged words. A part of ReadCorpus.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json_record.h"

namespace fintag {

struct TaggedWords {
  std::vector<std::string> words;
  std::vector<std::string> tags;  // IOB2
};

// Splits `text`, valid UTF-8, with SplitWords, and splits words again where an entity begins or ends inside them, so
// that every entity covers whole words. Adds to `reasons` what is wrong: a text without words; entities that are empty,
// out of range, overlapping, without a label or without a word; the first hundred or so. The result then has no
// meaning.
TaggedWords TagText(std::string_view text, const std::vector<JsonEntity>& entities, std::vector<std::string>& reasons);

}  // namespace fintag
