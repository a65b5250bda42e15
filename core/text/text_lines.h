// The lines of a text, in memory or in a file that is read as it goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

// Goes over lines that end with LF or CRLF (any number of CR before the LF), or with CR in a text that has no LF. A
// UTF-8 byte order mark is skipped.
class TextLines {
 public:
  // The text must outlive it.
  explicit TextLines(std::string_view text);
  // Of a file, in the memory of its longest line. A status of errno with the path; FAILED_PRECONDITION for a pipe and
  // whatever else can be read but once.
  static absl::StatusOr<TextLines> Open(const std::filesystem::path& path);
  TextLines(TextLines&&) noexcept;
  ~TextLines();

  // What the text begins with: its first two bytes, and the first two behind a byte order mark that are no white space.
  const std::string& first_bytes() const { return start_.bytes; }
  const std::string& first_visible() const { return start_.visible; }

  // The next line without its end, valid until the next call; false behind the last one, or where reading fails.
  bool Next(std::string_view& line);

  int64_t number() const { return number_; }  // of the line that Next gave, from 1

  // Whether the file could be read until here.
  absl::Status status() const;

 private:
  struct Start {
    std::string bytes;
    std::string visible;
    bool has_newline = false;
    void Add(std::string_view piece);
    bool complete() const { return visible.size() == 2 && has_newline; }
  };
  struct File;

  TextLines();
  // Adds to `rest_` what the file has next; false where it has no more.
  bool Refill();

  std::unique_ptr<File> file_;  // none for a text in memory
  std::string_view rest_;
  Start start_;
  int64_t number_ = 0;
};

}  // namespace fintag
