#include "core/text/quoted.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "core/text/strings.h"
#include "core/text/utf8.h"

namespace fintag {

std::string OneLine(std::string_view value, size_t limit) {
  const bool cut = value.size() > limit;
  if (cut) {
    // Not in the middle of a character.
    while (limit > 0 && (static_cast<unsigned char>(value[limit]) & 0xC0) == 0x80) --limit;
    value = value.substr(0, limit);
  }
  std::string escaped =
      ValidateUtf8(value).ok() ? absl::Utf8SafeCHexEscape(AbslView(value)) : absl::CHexEscape(AbslView(value));
  if (cut) escaped += "...";
  return escaped;
}

std::string Quoted(std::string_view value) {
  const bool plain = !value.empty() && value.size() <= 60 && std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  if (plain) return std::string(value);
  return StrCat("'", OneLine(value, 60), "'");
}

}  // namespace fintag
