// Names out of a foreign file, made fit for an error message.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "core/text/strings.h"

namespace fintag {

// ASCII, escaped, of bounded length.
inline std::string Printable(std::string_view text) {
  constexpr size_t kLongest = 120;
  if (text.size() <= kLongest) return absl::CHexEscape(AbslView(text));
  return absl::CHexEscape(AbslView(text.substr(0, kLongest))) + "...";
}

}  // namespace fintag
