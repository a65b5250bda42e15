#include "server/datasets/dataset_parsing.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/text/strings.h"
#include "core/training/file_io.h"

namespace fintag::server {

absl::StatusOr<ParsedPart> ParsePart(std::string_view field, const ReceivedFile& file,
                                     std::vector<DatasetLineError>& errors) {
  absl::StatusOr<std::string> bytes = ReadFile(file.path);
  if (!bytes.ok()) return bytes.status();
  std::vector<LineError> lines;
  absl::StatusOr<Corpus> corpus = ReadCorpus(*bytes, file.file_name, &lines);
  if (!corpus.ok()) {
    for (LineError& line : lines) errors.push_back({StrCat(field, ":", line.line), std::move(line.reason)});
    if (lines.empty()) errors.push_back({std::string(field), std::string(corpus.status().message())});
    return corpus.status();
  }
  ParsedPart part;
  DatasetPart& description = part.description;
  description.file_name = file.file_name;
  description.sha256 = file.sha256;
  description.size_bytes = static_cast<int64_t>(bytes->size());
  description.sentences = static_cast<int64_t>(corpus->sentences.size());
  description.documents = corpus->documents;
  description.scheme = std::string(TagSchemeName(corpus->scheme));
  for (const Sentence& sentence : corpus->sentences) {
    const auto words = static_cast<int64_t>(sentence.words.size());
    description.words += words;
    description.longest_sentence_words = std::max(description.longest_sentence_words, words);
    for (const Span& span : SpansOf(sentence.tags, TagScheme::kIob2)) ++description.entities_by_label[span.label];
  }
  part.corpus = *std::move(corpus);
  return part;
}

}  // namespace fintag::server
