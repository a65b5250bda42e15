// OpenLines: lines of a file or of the standard input by read() and poll(), so that waiting can be seen and ended.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "client/client.h"
#include "client/file_transfer.h"

namespace fintag::client {
namespace {

constexpr size_t kBufferBytes = 128 << 10;
constexpr int kStopCheckMilliseconds = 100;

class DescriptorLines final : public LineSource {
 public:
  DescriptorLines(int descriptor, std::string path, size_t longest_line)
      : descriptor_(descriptor), path_(std::move(path)), longest_line_(longest_line), buffer_(kBufferBytes, '\0') {}
  ~DescriptorLines() override {
    if (descriptor_ != STDIN_FILENO) close(descriptor_);
  }

  absl::StatusOr<bool> Next(Line& line) override {
    line = Line();
    bool any = false;
    for (;;) {
      if (begin_ == end_) {
        absl::StatusOr<bool> more = Fill();
        if (!more.ok()) return more.status();
        if (!*more) break;
      }
      any = true;
      const char* start = buffer_.data() + begin_;
      const char* newline = static_cast<const char*>(std::memchr(start, '\n', end_ - begin_));
      const size_t length = newline != nullptr ? static_cast<size_t>(newline - start) : end_ - begin_;
      const size_t room = longest_line_ - std::min(longest_line_, line.text.size());
      if (length > room) line.too_long = true;
      line.text.append(start, std::min(length, room));
      begin_ += length + (newline != nullptr ? 1 : 0);
      if (newline != nullptr) break;
    }
    if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
    return any && !stopped_;
  }

  bool MustWait() override {
    if (ended_ || std::memchr(buffer_.data() + begin_, '\n', end_ - begin_) != nullptr) return false;
    pollfd entry{descriptor_, POLLIN, 0};
    return poll(&entry, 1, 0) == 0;
  }

  void Stop() override { stopped_ = true; }

 private:
  // False at the end.
  absl::StatusOr<bool> Fill() {
    while (!ended_) {
      pollfd entry{descriptor_, POLLIN, 0};
      const int ready = poll(&entry, 1, kStopCheckMilliseconds);
      if (stopped_) return false;
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t count = read(descriptor_, buffer_.data(), buffer_.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0) return FileError(path_, errno);
      ended_ = count == 0;
      begin_ = 0;
      end_ = static_cast<size_t>(count);
      if (count > 0) return true;
    }
    return false;
  }

  const int descriptor_;
  const std::string path_;
  const size_t longest_line_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
  std::atomic<bool> stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LineSource>> OpenLines(const std::string& path, int64_t longest_line) {
  const bool standard_input = path == "-";
  const int descriptor = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError(path, errno);
  return std::unique_ptr<LineSource>(new DescriptorLines(descriptor, standard_input ? "standard input" : path,
                                                         static_cast<size_t>(std::max<int64_t>(longest_line, 1))));
}

}  // namespace fintag::client
