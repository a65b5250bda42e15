// What the corpus readers find, sentences and errors alike: passes the sentences on and makes one answer of the errors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/text/corpus.h"
#include "core/text/scheme_detection.h"
#include "core/text/text_lines.h"

namespace fintag {

class CorpusCheck {
 public:
  // Where a sentence's tags come from.
  enum class Tags {
    kLineAWord,      // columns; word i is `i` lines behind the first
    kLineASentence,  // a list of tags
    kSpans,          // marked spans, already turned into IOB2
  };

  // Is given each sentence, with tags as they came: the scheme is known at the end. An error ends the reading.
  using Taker = std::function<absl::Status(Sentence sentence, Tags source)>;

  struct Found {
    TagScheme scheme = TagScheme::kIob2;
    int32_t documents = 0;  // as in Corpus
  };

  static constexpr size_t kMaxErrors = SchemeDetector::kMaxErrors;

  explicit CorpusCheck(Taker taker) : taker_(std::move(taker)) {}

  void AddError(int64_t line, std::string reason) { errors_.push_back({line, std::move(reason)}); }

  // Whether reading on is useless.
  bool full() const { return errors_.size() >= kMaxErrors || !taken_.ok(); }

  // Adds a sentence of at least one word. A tag that was reported as an error is given as "". `document` is any key,
  // the same for all sentences of a document; empty where none is marked.
  void AddSentence(std::vector<std::string> words, std::vector<std::string> tags, int64_t line,
                   std::string_view document, Tags source);

  // The taker's error, or INVALID_ARGUMENT as ReadCorpus has it.
  absl::StatusOr<Found> Finish(std::string_view file_name, std::vector<LineError>* errors) &&;

 private:
  const Taker taker_;
  absl::Status taken_;
  bool empty_ = true;
  SchemeDetector detector_;
  absl::flat_hash_map<std::string, int32_t> documents_;
  std::vector<LineError> errors_;
};

// Reads a corpus of any format into `check`, until it is full.
void ReadCorpusLines(TextLines& lines, CorpusCheck& check);

// Turns the tags of a sentence that a taker was given into IOB2.
void TurnIntoIob2(TagScheme scheme, CorpusCheck::Tags source, Sentence& sentence);

// What is wrong with a tag that ParseTag rejects.
std::string WhyNoTag(std::string_view tag);

}  // namespace fintag
