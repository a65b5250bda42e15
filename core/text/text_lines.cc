#include "core/text/text_lines.h"

namespace fintag {

std::string_view WithoutByteOrderMark(std::string_view bytes) {
  if (bytes.substr(0, 3) == "\xEF\xBB\xBF") bytes.remove_prefix(3);
  return bytes;
}

TextLines::TextLines(std::string_view bytes) : rest_(WithoutByteOrderMark(bytes)) {
  if (rest_.find('\n') == std::string_view::npos) end_ = '\r';
}

bool TextLines::Next(std::string_view& line) {
  if (rest_.empty()) return false;
  const size_t end = rest_.find(end_);
  line = rest_.substr(0, end);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  ++number_;
  return true;
}

}  // namespace fintag
