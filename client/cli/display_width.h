// How wide text is on a terminal, and text made safe for one.
#pragma once

#include <string>
#include <string_view>

namespace fintag::client {

// Columns that the UTF-8 `text` takes: 2 for East Asian wide characters and emoji, 0 for combining marks.
int DisplayWidth(std::string_view text);

// Without control characters (they could move the cursor or recolour the terminal) and malformed bytes: each becomes
// U+FFFD, tabs and line ends a space.
std::string Printable(std::string_view text);

// The start of `text` that fits `width` columns, with an ellipsis if anything was cut. `width` must be at least 1.
std::string Shorten(std::string_view text, int width);

}  // namespace fintag::client
