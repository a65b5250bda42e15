#include "client/utf8.h"

namespace fintag::client {

CodePoint DecodeUtf8(std::string_view text) {
  constexpr CodePoint kMalformed = {0xFFFD, 1, false};
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  if (first < 0xC2 || first > 0xF4) return kMalformed;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return kMalformed;
  char32_t value = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return kMalformed;
    value = (value << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return kMalformed;
  return {value, length, true};
}

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  for (size_t position = 0; position < text.size();) {
    const CodePoint point = DecodeUtf8(text.substr(position));
    if (!point.valid) return position;
    position += point.bytes;
  }
  return std::nullopt;
}

}  // namespace fintag::client
