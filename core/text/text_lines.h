// The lines of a text file.
#pragma once

#include <cstdint>
#include <string_view>

namespace fintag {

// Goes over lines that end with LF or CRLF (any number of CR before the LF), or with CR in a text that has no LF. A
// UTF-8 byte order mark is skipped. The text must outlive it.
class TextLines {
 public:
  explicit TextLines(std::string_view bytes);

  // The next line without its end; false behind the last one.
  bool Next(std::string_view& line);

  int64_t number() const { return number_; }  // of the line that Next gave, from 1

 private:
  std::string_view rest_;
  char end_ = '\n';
  int64_t number_ = 0;
};

// `bytes` without a UTF-8 byte order mark.
std::string_view WithoutByteOrderMark(std::string_view bytes);

}  // namespace fintag
