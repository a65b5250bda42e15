// Checked UTF-8: every text that enters the product passes ValidateUtf8 once; behind it the readers may assume
// well-formed bytes. Offsets that users see count Unicode code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fintag {

// INVALID_ARGUMENT with the byte position of the first ill-formed sequence (overlong forms, surrogates, values above
// U+10FFFF and cut sequences included; Unicode 15, table 3-7).
absl::Status ValidateUtf8(std::string_view text);

// Decodes the code point that starts at `position` and moves `position` behind it. `text` must be valid UTF-8 and
// `position` less than its size.
char32_t NextCodePoint(std::string_view text, size_t& position);

// Appends `code_point`, a Unicode scalar value.
void AppendUtf8(char32_t code_point, std::string& out);

// Number of code points in valid UTF-8.
int64_t CountCodePoints(std::string_view text);

}  // namespace fintag
