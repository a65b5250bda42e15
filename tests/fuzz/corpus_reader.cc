// ReadCorpus: columns and JSON lines.
#include <algorithm>
#include <optional>

#include "absl/status/statusor.h"
#include "core/text/corpus.h"
#include "core/text/corpus_check.h"
#include "core/text/utf8.h"
#include "tests/fuzz/input.h"

namespace fintag::fuzz {
namespace {

void CheckErrors(const absl::Status& status, const std::vector<LineError>& errors) {
  FUZZ_PROMISE(absl::IsInvalidArgument(status));
  FUZZ_PROMISE(!errors.empty() && errors.size() <= CorpusCheck::kMaxErrors);
  for (const LineError& error : errors) {
    FUZZ_PROMISE(error.line >= 1);
    FUZZ_PROMISE(!error.reason.empty() && error.reason.find('\n') == std::string::npos);
    FUZZ_PROMISE(error.reason.size() < 4000);
    FUZZ_PROMISE(ValidateUtf8(error.reason).ok());
  }
}

void CheckSentence(const Sentence& sentence, int32_t documents) {
  FUZZ_PROMISE(!sentence.words.empty() && sentence.words.size() == sentence.tags.size());
  FUZZ_PROMISE(sentence.document >= 0 && sentence.document < std::max(documents, 1));
  ParsedTag before;
  for (size_t i = 0; i < sentence.words.size(); ++i) {
    FUZZ_PROMISE(!sentence.words[i].empty() && ValidateUtf8(sentence.words[i]).ok());
    const std::optional<ParsedTag> tag = ParseTag(sentence.tags[i]);
    FUZZ_PROMISE(tag && HasPrefix(TagScheme::kIob2, tag->prefix) && IsLegalPair(TagScheme::kIob2, before, *tag));
    before = *tag;
  }
}

// Reads `bytes`; what was read is written and read again.
void CheckCorpus(std::string_view bytes) {
  std::vector<LineError> errors;
  const absl::StatusOr<Corpus> corpus = ReadCorpus(bytes, "corpus", &errors);
  if (!corpus.ok()) return CheckErrors(corpus.status(), errors);
  FUZZ_PROMISE(!corpus->sentences.empty());
  for (const Sentence& sentence : corpus->sentences) CheckSentence(sentence, corpus->documents);
  FUZZ_PROMISE(std::is_sorted(corpus->labels.begin(), corpus->labels.end()));

  const absl::StatusOr<Corpus> again = ReadCorpus(WriteJsonLines(*corpus), "again.jsonl");
  FUZZ_PROMISE(again.ok());
  FUZZ_PROMISE(again->sentences.size() == corpus->sentences.size());
  for (size_t i = 0; i < again->sentences.size(); ++i) {
    FUZZ_PROMISE(again->sentences[i].words == corpus->sentences[i].words);
    FUZZ_PROMISE(again->sentences[i].tags == corpus->sentences[i].tags);
    FUZZ_PROMISE(again->sentences[i].document == corpus->sentences[i].document);
  }
}

}  // namespace
}  // namespace fintag::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fintag::fuzz::CheckCorpus(fintag::fuzz::Text(data, size));
  return 0;
}
