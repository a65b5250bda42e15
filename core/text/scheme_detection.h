// Finds the tag scheme of a corpus from all of its sentences. A part of the corpus readers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/corpus.h"
#include "core/text/tag_scheme.h"

namespace fintag {

class SchemeDetector {
 public:
  // How the lines of a file hold a sentence.
  enum class Layout { kLineAWord, kLineASentence };

  // Adds a sentence whose first word stands in `line`. A tag that ParseTag rejects says nothing for or against a
  // scheme; it is the reader's to report.
  void Add(std::span<const std::string> tags, int64_t line, Layout layout);

  // The first of kTagSchemes in which all sentences are legal; nothing where there is none.
  std::optional<TagScheme> Detected() const;

  // Where nothing was detected: what is illegal in the scheme that has the fewest such places, in order, the first
  // kMaxErrors of them. The first error also says what rules out the other schemes with the same prefixes.
  std::vector<LineError> Errors() const;

  static constexpr size_t kMaxErrors = 100;

 private:
  struct Evidence {
    int64_t conflicts = 0;
    std::vector<LineError> first;  // at most kMaxErrors
  };

  void Check(TagScheme scheme, std::span<const std::string> tags, int64_t line, Layout layout);

  std::array<Evidence, kTagSchemes.size()> evidence_;  // in the order of kTagSchemes
  std::string prefixes_;                               // all that were seen, O excepted
  std::vector<std::optional<ParsedTag>> parsed_;       // of the sentence at hand
};

}  // namespace fintag
