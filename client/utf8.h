// UTF-8, checked before it is sent: protobuf refuses a message with a malformed string as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fintag::client {

// A code point and its length in bytes. Malformed bytes come one by one as U+FFFD.
struct CodePoint {
  char32_t value = 0;
  size_t bytes = 1;
  bool valid = true;
};
// The code point at the start of `text`, which must not be empty.
CodePoint DecodeUtf8(std::string_view text);

// The byte at which `text` stops being UTF-8 (RFC 3629: no surrogates, no overlong forms).
std::optional<size_t> FindInvalidUtf8(std::string_view text);

}  // namespace fintag::client
