// Character properties as the `tokenizers` library sees them (unicode_tables.py measures them on it). They come from
// several Unicode versions at once, so no general Unicode library gives the same answers.
#pragma once

#include <cstdint>
#include <string_view>

namespace fintag {

// Flags of CharacterProperties.
enum CharacterFlag : uint8_t {
  kControl = 1,        // removed by BertNormalizer's clean_text: Cc, Cf, Co, NUL, U+FFFD, but no tab or line end
  kWhiteSpace = 2,     // ends a word
  kPunctuation = 4,    // is a word of its own
  kChinese = 8,        // gets spaces around it by handle_chinese_chars
  kMark = 16,          // Mn: removed by strip_accents
  kWordCharacter = 32  // \w of the library's regular expressions: what single_word looks at
};

struct CharacterProperties {
  uint8_t flags = 0;            // of CharacterFlag
  uint8_t combining_class = 0;  // canonical
  bool has_lower_case = false;
  bool has_decomposition = false;  // Hangul syllables excepted
};

// Of any Unicode scalar value.
const CharacterProperties& PropertiesOf(char32_t code_point);

// Full lower case of one character, without context; for those with has_lower_case.
std::u32string_view LowerCaseOf(char32_t code_point);

// Full canonical decomposition; for those with has_decomposition.
std::u32string_view DecompositionOf(char32_t code_point);

}  // namespace fintag
