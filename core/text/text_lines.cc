#include "core/text/text_lines.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/text/strings.h"

namespace fintag {
namespace {

constexpr size_t kPieceBytes = 1 << 18;
constexpr std::string_view kSpace = " \t\r\n";

std::string_view WithoutByteOrderMark(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  return text;
}

}  // namespace

struct TextLines::File {
  explicit File(std::filesystem::path file) : path(std::move(file)), buffer(kPieceBytes) {}
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }

  // Fills the buffer from `begin` on; the bytes that came.
  size_t Read(size_t begin) {
    size_t end = begin;
    while (end < buffer.size()) {
      const ssize_t size = read(descriptor, buffer.data() + end, buffer.size() - end);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) status = absl::ErrnoToStatus(errno, StrCat("cannot read ", path.string()));
      if (size <= 0) break;
      end += static_cast<size_t>(size);
    }
    return end - begin;
  }

  const std::filesystem::path path;
  int descriptor = -1;
  std::vector<char> buffer;
  absl::Status status;
};

void TextLines::Start::Add(std::string_view piece) {
  if (bytes.empty()) {
    bytes = piece.substr(0, 2);
    piece = WithoutByteOrderMark(piece);
  }
  for (size_t i = 0; visible.size() < 2 && (i = piece.find_first_not_of(kSpace, i)) != std::string_view::npos; ++i) {
    visible += piece[i];
  }
  has_newline = has_newline || piece.find('\n') != std::string_view::npos;
}

TextLines::TextLines() = default;
TextLines::TextLines(TextLines&&) noexcept = default;
TextLines::~TextLines() = default;

TextLines::TextLines(std::string_view text) : rest_(WithoutByteOrderMark(text)) { start_.Add(text); }

absl::StatusOr<TextLines> TextLines::Open(const std::filesystem::path& path) {
  TextLines lines;
  lines.file_ = std::make_unique<File>(path);
  File& file = *lines.file_;
  file.descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.descriptor < 0) return absl::ErrnoToStatus(errno, StrCat("cannot open ", path.string()));
  if (lseek(file.descriptor, 0, SEEK_CUR) < 0) {
    return absl::FailedPreconditionError(
        StrCat(path.string(), " is read more than once, which a pipe cannot be: write it to a file first"));
  }
  // Nearly always one piece: it takes a text without any LF to read on here.
  for (size_t size = 0; !lines.start_.complete() && (size = file.Read(0)) > 0;) {
    lines.start_.Add({file.buffer.data(), size});
  }
  if (!file.status.ok()) return file.status;
  if (lseek(file.descriptor, 0, SEEK_SET) < 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot read ", path.string()));
  }
  lines.Refill();
  lines.rest_ = WithoutByteOrderMark(lines.rest_);
  return lines;
}

bool TextLines::Refill() {
  if (file_ == nullptr) return false;
  const size_t kept = rest_.size();
  std::vector<char>& buffer = file_->buffer;
  std::copy(rest_.begin(), rest_.end(), buffer.begin());
  // Room for at least as much again, so that a long line is moved and searched few times.
  if (buffer.size() < 2 * kept) buffer.resize(2 * kept);
  const size_t read = file_->Read(kept);
  rest_ = {buffer.data(), kept + read};
  return read > 0;
}

bool TextLines::Next(std::string_view& line) {
  const char end_of_line = start_.has_newline ? '\n' : '\r';
  size_t end = rest_.find(end_of_line);
  while (end == std::string_view::npos) {
    const size_t searched = rest_.size();
    if (!Refill()) break;
    end = rest_.find(end_of_line, searched);
  }
  if (rest_.empty() || !status().ok()) return false;
  line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  ++number_;
  return true;
}

absl::Status TextLines::status() const { return file_ == nullptr ? absl::OkStatus() : file_->status; }

}  // namespace fintag
