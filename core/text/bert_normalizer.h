// BertNormalizer of the `tokenizers` library: cleaning, spaces around Chinese characters, accents, lower case. Second
// step of tokenising, after the added tokens that match the text as given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fintag {

// Normalised text and where each of its bytes comes from. Every character of it comes from exactly one character of
// the given text, so one number a byte suffices.
struct NormalizedText {
  std::string bytes;            // UTF-8
  std::vector<int32_t> origin;  // code point of the given text, one a byte

  void Clear() {
    bytes.clear();
    origin.clear();
  }
};

struct BertNormalizerOptions {
  bool clean_text = true;             // drop control characters, make every space ' '
  bool handle_chinese_chars = true;   // spaces around each of them
  std::optional<bool> strip_accents;  // decompose and drop marks; without a value as `lowercase`
  bool lowercase = true;
};

class BertNormalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options);

  // Appends the normalised form of `text`, valid UTF-8 whose first code point has number `first`.
  void Append(std::string_view text, int32_t first, NormalizedText& out) const;

 private:
  static constexpr int16_t kDropped = -1;

  struct Character {
    char32_t code_point;
    int32_t origin;
  };

  size_t AppendAscii(std::string_view text, int32_t first, NormalizedText& out) const;
  void AppendUnicode(std::string_view text, int32_t first, NormalizedText& out) const;
  void Clean(std::vector<Character>& characters) const;
  static void SpaceChinese(std::vector<Character>& characters);
  static void Decompose(std::vector<Character>& characters);
  static void Lowercase(std::vector<Character>& characters);

  BertNormalizerOptions options_;
  bool strip_accents_;
  std::array<int16_t, 128> ascii_;  // normalised form, or kDropped
};

}  // namespace fintag
