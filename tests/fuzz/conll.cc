// ReadConll.
#include <utility>

#include "core/text/conll_reader.h"
#include "tests/fuzz/corpus_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fintag::CorpusBuilder builder;
  fintag::ReadConll(fintag::fuzz::Text(data, size), builder);
  std::vector<fintag::LineError> errors;
  fintag::fuzz::CheckCorpus(std::move(builder).Finish("corpus.conll", &errors), errors);
  return 0;
}
