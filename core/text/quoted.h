// Values in error messages.
#pragma once

#include <string>
#include <string_view>

namespace fintag {

// `value` for a message of one line: in single quotes unless it is plain letters, digits and hyphens, control
// characters and ill-formed bytes escaped, cut behind 60 bytes.
std::string Quoted(std::string_view value);

// The same without quotes, cut behind `limit` bytes; for the messages of other libraries.
std::string OneLine(std::string_view value, size_t limit);

}  // namespace fintag
