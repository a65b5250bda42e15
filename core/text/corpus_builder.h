// Collects what the corpus readers find, sentences and errors alike, and makes the answer of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/text/corpus.h"
#include "core/text/scheme_detection.h"

namespace fintag {

class CorpusBuilder {
 public:
  // Where a sentence's tags come from.
  enum class Tags {
    kLineAWord,      // columns; word i is `i` lines behind the first
    kLineASentence,  // a list of tags
    kSpans,          // marked spans, already turned into IOB2
  };

  static constexpr size_t kMaxErrors = SchemeDetector::kMaxErrors;

  void AddError(int64_t line, std::string reason) { errors_.push_back({line, std::move(reason)}); }

  // Whether reading on is useless.
  bool full() const { return errors_.size() >= kMaxErrors; }

  // Adds a sentence of at least one word. A tag that was reported as an error is given as "". `document` is any key,
  // the same for all sentences of a document; empty where none is marked.
  void AddSentence(std::vector<std::string> words, std::vector<std::string> tags, int64_t line,
                   std::string_view document, Tags source);

  // Detects the scheme and turns all tags into IOB2. INVALID_ARGUMENT as ReadCorpus has it.
  absl::StatusOr<Corpus> Finish(std::string_view file_name, std::vector<LineError>* errors) &&;

 private:
  Corpus corpus_;
  std::vector<bool> from_spans_;  // of each sentence
  SchemeDetector detector_;
  absl::flat_hash_map<std::string, int32_t> documents_;
  std::vector<LineError> errors_;
};

// What is wrong with a tag that ParseTag rejects.
std::string WhyNoTag(std::string_view tag);

// Labels of IOB2 tags, sorted.
std::vector<std::string> LabelsOf(const std::vector<Sentence>& sentences);

}  // namespace fintag
