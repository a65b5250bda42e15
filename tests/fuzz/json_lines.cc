// ReadJsonLines, and ReadCorpus, which tells the formats apart.
#include <utility>

#include "core/text/json_lines_reader.h"
#include "tests/fuzz/corpus_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fintag::fuzz::Text(data, size);
  fintag::CorpusBuilder builder;
  fintag::ReadJsonLines(text, builder);
  std::vector<fintag::LineError> errors;
  fintag::fuzz::CheckCorpus(std::move(builder).Finish("corpus.jsonl", &errors), errors);
  fintag::fuzz::CheckCorpus(fintag::ReadCorpus(text, "corpus", &errors), errors);
  return 0;
}
