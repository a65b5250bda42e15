// SplitWords: the words are the text without its white space, where they say.
#include "core/text/word_splitter.h"

#include "core/text/utf8.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fintag::fuzz::Text(data, size);
  const auto words = fintag::SplitWords(text);
  FUZZ_PROMISE(words.ok() == fintag::ValidateUtf8(text).ok());
  if (!words.ok()) return 0;
  size_t byte = 0;
  int32_t code_point = 0;
  const auto advance = [&](int32_t to) {
    for (; code_point < to; ++code_point) {
      FUZZ_PROMISE(byte < text.size());
      fintag::NextCodePoint(text, byte);
    }
  };
  for (const fintag::TextWord& word : *words) {
    FUZZ_PROMISE(word.begin >= code_point && word.begin < word.end);
    advance(word.begin);
    const size_t begin = byte;
    advance(word.end);
    FUZZ_PROMISE(text.substr(begin, byte - begin) == word.text);
  }
  return 0;
}
