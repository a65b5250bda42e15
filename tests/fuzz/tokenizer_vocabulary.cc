// ParseVocabularyText and what is built of it: vocab.txt, tokenizer_config.json, a text.
#include "core/text/tokenizer_definition.h"
#include "tests/fuzz/token_promises.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parts = fintag::fuzz::Parts(fintag::fuzz::Text(data, size), 3);
  auto definition = fintag::ParseVocabularyText(parts[0], parts[1]);
  FUZZ_PROMISE(definition.ok() || absl::IsInvalidArgument(definition.status()));
  if (!definition.ok()) return 0;
  const auto tokenizer = fintag::WordPieceTokenizer::Build(*std::move(definition));
  FUZZ_PROMISE(tokenizer.ok() || absl::IsInvalidArgument(tokenizer.status()));
  if (tokenizer.ok()) fintag::fuzz::CheckEncoding(**tokenizer, parts[2]);
  return 0;
}
