// Debian's abseil (20220623) is built with a string_view of its own, which std::string_view does not convert to. These
// take both; with an abseil built for C++17 they are absl::StrCat and nothing more.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace fintag {

inline absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }

namespace internal {
inline absl::string_view Piece(std::string_view text) { return AbslView(text); }
inline absl::string_view Piece(const std::string& text) { return AbslView(text); }
inline absl::string_view Piece(const char* text) { return text; }
template <typename Number>
const Number& Piece(const Number& number) {
  return number;
}
}  // namespace internal

// absl::StrCat for any mix of strings, views and numbers.
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  return absl::StrCat(internal::Piece(pieces)...);
}

}  // namespace fintag
