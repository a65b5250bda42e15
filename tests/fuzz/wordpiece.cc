// WordPieceTokenizer over any text, in four vocabularies' ways; the input's first byte chooses one.
#include "core/text/tokenizer_definition.h"
#include "tests/fuzz/token_promises.h"

namespace {

using fintag::AddedToken;
using fintag::TokenizerDefinition;

std::shared_ptr<const fintag::WordPieceTokenizer> MakeTokenizer(bool lowercase, bool added) {
  TokenizerDefinition definition;
  definition.file = "vocab.txt";
  definition.normalizer.lowercase = lowercase;
  definition.normalizer.handle_chinese_chars = lowercase;
  definition.max_characters_per_word = added ? 20 : 100;
  for (const char* piece :
       {"[PAD]", "[UNK]",        "[CLS]",    "[SEP]",      "a",     "b",        "c",          "bank", "loan",
        "##a",   "##b",          "##an",     "##s",        "##ing", "$",        ",",          ".",    "5",
        "##5",   "\xE4\xB8\xAD", "\xC3\xA9", "##\xC3\xA9", "ss",    "\xCE\xA3", "##\xCC\x88", "A",    "Bank"}) {
    definition.vocabulary.emplace_back(piece, static_cast<int32_t>(definition.vocabulary.size()));
  }
  if (added) {
    for (const char* content : {"[MASK]", "[MASK]s", "<x>", " ", "aa", "\xC3\x89"}) {
      AddedToken token;
      token.content = content;
      token.id = fintag::kNoToken;
      token.lstrip = content[0] == '[';
      token.rstrip = content[0] == '[' || content[0] == '<';
      token.single_word = content[0] == 'a';
      token.normalized = content[0] != '[' && content[0] != '<' && content[0] != ' ';
      definition.added.push_back(token);
    }
  }
  return fintag::WordPieceTokenizer::Build(std::move(definition)).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto& tokenizers = *new std::vector<std::shared_ptr<const fintag::WordPieceTokenizer>>{
      MakeTokenizer(true, false), MakeTokenizer(false, false), MakeTokenizer(true, true), MakeTokenizer(false, true)};
  if (size == 0) return 0;
  fintag::fuzz::CheckEncoding(*tokenizers[data[0] % tokenizers.size()], fintag::fuzz::Text(data + 1, size - 1));
  return 0;
}
