#include "server/api/bytes_tensor.h"

#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kLengthBytes = 4;

uint32_t ReadLength(std::string_view raw, size_t position) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<uint32_t>(static_cast<unsigned char>(raw[position + i])) << (8 * i);
  }
  return length;
}

}  // namespace

void AppendElement(std::string_view element, std::string& raw) {
  const auto length = static_cast<uint32_t>(element.size());
  for (size_t i = 0; i < kLengthBytes; ++i) raw += static_cast<char>((length >> (8 * i)) & 0xFF);
  raw += element;
}

absl::StatusOr<std::vector<std::string_view>> ReadElements(std::string_view raw, int64_t count) {
  std::vector<std::string_view> elements;
  size_t position = 0;
  while (position < raw.size()) {
    const auto found = static_cast<int64_t>(elements.size());
    if (found == count) {
      return absl::InvalidArgumentError(
          StrCat("has ", raw.size() - position, " bytes behind the ", count, " texts that the shape tells of"));
    }
    if (raw.size() - position < kLengthBytes) {
      return absl::InvalidArgumentError(
          StrCat("ends at byte ", raw.size(), " within the 4 bytes of the length of text ", found));
    }
    const uint32_t length = ReadLength(raw, position);
    position += kLengthBytes;
    if (raw.size() - position < length) {
      return absl::InvalidArgumentError(StrCat("says at byte ", position - kLengthBytes, " that text ", found, " has ",
                                               length, " bytes, of which ", raw.size() - position, " are there"));
    }
    elements.push_back(raw.substr(position, length));
    position += length;
  }
  if (static_cast<int64_t>(elements.size()) != count) {
    return absl::InvalidArgumentError(StrCat("has ", elements.size(), " texts, the shape says ", count));
  }
  return elements;
}

}  // namespace fintag::server
