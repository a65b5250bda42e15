// A tagged corpus in memory and its readers: CoNLL columns and JSON lines (CORPUS.md has the formats). Every corpus
// leaves this file with IOB2 tags, whatever it came with. One that is larger than memory stays in its file
// (corpus_file.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/tag_scheme.h"

namespace fintag {

struct Sentence {
  std::vector<std::string> words;  // not empty, each not empty, UTF-8
  std::vector<std::string> tags;   // IOB2, as many as words
  int32_t document = 0;            // index of its document
  int64_t line = 0;                // where it starts in its file, from 1
};

struct Corpus {
  std::vector<Sentence> sentences;
  std::vector<std::string> labels;      // entity labels, sorted: LOC, MISC, ORG, PER
  TagScheme scheme = TagScheme::kIob2;  // as detected in the file
  int32_t documents = 0;                // 0 where the file marks no documents; all sentences then have document 0
};

struct LineError {
  int64_t line;        // from 1
  std::string reason;  // what is wrong and what would be right
};

// Reads a corpus of either format (CORPUS.md says how they are told apart). On failure INVALID_ARGUMENT with
// one line "FILE:LINE: reason" per error, the first 100, and the same in `errors` where it is given.
absl::StatusOr<Corpus> ReadCorpus(std::string_view bytes, std::string_view file_name,
                                  std::vector<LineError>* errors = nullptr);

// Writes {"tokens":[...],"tags":[...],"document":n} lines, which ReadCorpus reads back to the same sentences.
std::string WriteJsonLines(const Corpus& corpus);

// Appends such a line to `out`, with the document where documents are marked.
enum class Documents { kMarked, kUnmarked };
void AppendJsonLine(const Sentence& sentence, Documents documents, std::string& out);

}  // namespace fintag
