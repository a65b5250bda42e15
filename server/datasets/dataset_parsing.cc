#include "server/datasets/dataset_parsing.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "core/model/output_file.h"
#include "core/text/strings.h"

namespace fintag::server {

absl::StatusOr<CorpusFile> CheckPart(std::string_view field, const ReceivedFile& file,
                                     std::vector<DatasetLineError>& errors) {
  std::vector<LineError> lines;
  absl::StatusOr<CorpusFile> corpus = CheckCorpusFile(file.path, file.file_name, &lines);
  for (LineError& line : lines) errors.push_back({StrCat(field, ":", line.line), std::move(line.reason)});
  return corpus;
}

absl::StatusOr<DatasetPart> ParsePart(const ReceivedFile& file, const CorpusFile& corpus,
                                      const std::filesystem::path& parsed,
                                      absl::FunctionRef<void(const Sentence& sentence)> see) {
  constexpr size_t kPieceBytes = 1 << 18;
  DatasetPart part;
  part.file_name = file.file_name;
  part.sha256 = file.sha256;
  std::error_code error;
  part.size_bytes = static_cast<int64_t>(std::filesystem::file_size(file.path, error));
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot stat ", file.path.string()));
  part.sentences = static_cast<int64_t>(corpus.sentences.size());
  part.documents = corpus.documents;
  part.scheme = std::string(TagSchemeName(corpus.scheme));
  absl::StatusOr<OutputFile> out = OutputFile::Create(parsed);
  if (!out.ok()) return out.status();
  const Documents documents = corpus.documents > 0 ? Documents::kMarked : Documents::kUnmarked;
  std::string lines;
  absl::Status read = ReadSentences(corpus, [&](const Sentence& sentence) {
    const auto words = static_cast<int64_t>(sentence.words.size());
    part.words += words;
    part.longest_sentence_words = std::max(part.longest_sentence_words, words);
    for (const Span& span : SpansOf(sentence.tags, TagScheme::kIob2)) ++part.entities_by_label[span.label];
    see(sentence);
    AppendJsonLine(sentence, documents, lines);
    return lines.size() < kPieceBytes ? absl::OkStatus() : out->Write(std::exchange(lines, {}));
  });
  if (!read.ok()) return read;
  if (absl::Status written = out->Write(lines); !written.ok()) return written;
  if (absl::Status closed = out->Close(); !closed.ok()) return closed;
  return part;
}

}  // namespace fintag::server
