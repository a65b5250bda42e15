// Little-endian integers and runs of bytes out of a buffer, never past its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "absl/types/span.h"

namespace fintag {

class ByteReader {
 public:
  // A position past the end leaves nothing to read.
  explicit ByteReader(absl::Span<const uint8_t> bytes, uint64_t position = 0)
      : bytes_(bytes), position_(position < bytes.size() ? position : bytes.size()) {}

  // The next integer, or nothing where fewer bytes are left; the position then stays.
  template <typename Integer>
  std::optional<Integer> Next() {
    if (remaining() < sizeof(Integer)) return std::nullopt;
    Integer value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(Integer));
    position_ += sizeof(Integer);
    return value;
  }

  std::optional<absl::Span<const uint8_t>> Bytes(uint64_t count) {
    if (remaining() < count) return std::nullopt;
    const absl::Span<const uint8_t> bytes = bytes_.subspan(position_, count);
    position_ += count;
    return bytes;
  }

  std::optional<std::string_view> Text(uint64_t count) {
    const auto bytes = Bytes(count);
    if (!bytes) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }

  // Up to the next line feed, which is consumed and left out.
  std::optional<std::string_view> Line() {
    const void* end = remaining() == 0 ? nullptr : std::memchr(bytes_.data() + position_, '\n', remaining());
    if (end == nullptr) return std::nullopt;
    const auto line = Text(static_cast<const uint8_t*>(end) - (bytes_.data() + position_));
    ++position_;
    return line;
  }

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

 private:
  absl::Span<const uint8_t> bytes_;
  uint64_t position_;
};

}  // namespace fintag
