// What a tokenizer promises of any text.
#pragma once

#include "core/text/utf8.h"
#include "core/text/word_splitter.h"
#include "core/text/wordpiece_tokenizer.h"
#include "tests/fuzz/input.h"

namespace fintag::fuzz {

inline void CheckToken(const WordPieceTokenizer& tokenizer, const Token& token, int64_t code_points) {
  FUZZ_PROMISE(token.id >= 0 && token.id < tokenizer.vocabulary_size());
  FUZZ_PROMISE(token.begin >= 0 && token.begin < token.end && token.end <= code_points);
}

// Running text, and the same as words.
inline void CheckEncoding(const WordPieceTokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  const bool valid = ValidateUtf8(text).ok();
  FUZZ_PROMISE(tokenizer.EncodeText(text, tokens).ok() == valid);
  FUZZ_PROMISE(valid || tokens.empty());
  const int64_t code_points = CountCodePoints(text);
  int32_t word = 0;
  for (const Token& token : tokens) {
    CheckToken(tokenizer, token, code_points);
    FUZZ_PROMISE(token.word == word || token.word == word + 1);
    word = token.word;
  }
  if (!valid) return;

  std::vector<std::string> words;
  const std::vector<TextWord> split = SplitWords(text).value();
  for (const TextWord& split_word : split) words.push_back(split_word.text);
  tokens.clear();
  FUZZ_PROMISE(tokenizer.EncodeWords(words, tokens).ok());
  word = 0;
  for (const Token& token : tokens) {
    FUZZ_PROMISE(token.word >= word && token.word < static_cast<int32_t>(words.size()));
    word = token.word;
    CheckToken(tokenizer, token, CountCodePoints(words[static_cast<size_t>(word)]));
  }
}

}  // namespace fintag::fuzz
