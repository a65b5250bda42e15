#include "core/training/event_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/training/event_json.h"

namespace fintag {
namespace {

// Where the whole, good lines of a log end. Only the last line may be torn (a kill or a power cut while it was
// written): it is not counted. `expected` is the sequence number of the next event.
struct Scan {
  int64_t good_bytes = 0;
  int64_t expected = 1;
};

absl::Status ScanLines(const std::filesystem::path& file, std::string_view bytes, Scan& scan,
                       std::vector<Event>* events) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return absl::OkStatus();
    absl::StatusOr<Event> event = DecodeEvent(bytes.substr(0, end + 1));
    const bool last = end + 1 == bytes.size();
    if (event.ok() && event->sequence != scan.expected) {
      return absl::DataLossError(
          absl::StrCat(file.string(), ": event ", event->sequence, " stands where ", scan.expected, " should"));
    }
    if (!event.ok()) {
      if (last) return absl::OkStatus();
      return absl::DataLossError(
          absl::StrCat(file.string(), ": line of event ", scan.expected, ": ", event.status().message()));
    }
    if (events != nullptr) events->push_back(*std::move(event));
    bytes.remove_prefix(end + 1);
    scan.good_bytes += static_cast<int64_t>(end) + 1;
    ++scan.expected;
  }
  return absl::OkStatus();
}

// Everything from `offset` on.
absl::StatusOr<std::string> ReadFrom(int descriptor, int64_t offset, const std::filesystem::path& file) {
  std::string bytes;
  char buffer[1 << 14];
  while (true) {
    const ssize_t size = pread(descriptor, buffer, sizeof buffer, offset + static_cast<int64_t>(bytes.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file.string()));
    if (size == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(size));
  }
}

class Writer : public EventLogWriter {
 public:
  Writer(std::filesystem::path file, int descriptor, const Scan& scan)
      : file_(std::move(file)), descriptor_(descriptor), size_(scan.good_bytes), last_sequence_(scan.expected - 1) {}
  ~Writer() override { close(descriptor_); }

  absl::Status Append(Event event) override {
    event.sequence = last_sequence_ + 1;
    event.unix_milliseconds = absl::ToUnixMillis(absl::Now());
    const std::string line = EncodeEvent(event);
    ssize_t written;
    do {
      written = write(descriptor_, line.data(), line.size());
    } while (written < 0 && errno == EINTR);
    if (written != static_cast<ssize_t>(line.size())) {
      const int error = written < 0 ? errno : ENOSPC;
      // Half a line would make the next one unreadable.
      if (ftruncate(descriptor_, size_) != 0)
        return absl::ErrnoToStatus(errno, absl::StrCat("cannot cut ", file_.string()));
      return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", file_.string()));
    }
    size_ += written;
    ++last_sequence_;
    if (!std::holds_alternative<TrainingProgress>(event.what) && fdatasync(descriptor_) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", file_.string()));
    }
    return absl::OkStatus();
  }

  int64_t last_sequence() const override { return last_sequence_; }

 private:
  const std::filesystem::path file_;
  const int descriptor_;
  int64_t size_;
  int64_t last_sequence_;
};

class Reader : public EventLogReader {
 public:
  explicit Reader(std::filesystem::path file) : file_(std::move(file)) {}
  ~Reader() override {
    if (descriptor_ >= 0) close(descriptor_);
  }

  absl::Status ReadNew(std::vector<Event>& events) override {
    if (descriptor_ < 0) descriptor_ = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      if (errno == ENOENT) return absl::OkStatus();
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file_.string()));
    }
    absl::StatusOr<std::string> bytes = ReadFrom(descriptor_, position_.good_bytes, file_);
    if (!bytes.ok()) return bytes.status();
    return ScanLines(file_, *bytes, position_, &events);
  }

 private:
  const std::filesystem::path file_;
  int descriptor_ = -1;
  Scan position_;
};

// A new file is there after a power cut only once its folder is synced.
void SyncFolder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLogWriter>> EventLogWriter::Open(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file.string()));
  absl::Cleanup closing = [descriptor] { close(descriptor); };
  absl::StatusOr<std::string> bytes = ReadFrom(descriptor, 0, file);
  if (!bytes.ok()) return bytes.status();
  if (bytes->empty()) SyncFolder(file.parent_path());
  Scan scan;
  if (absl::Status scanned = ScanLines(file, *bytes, scan, nullptr); !scanned.ok()) return scanned;
  if (scan.good_bytes < static_cast<int64_t>(bytes->size()) && ftruncate(descriptor, scan.good_bytes) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot cut the torn end of ", file.string()));
  }
  std::move(closing).Cancel();
  return std::make_unique<Writer>(file, descriptor, scan);
}

std::unique_ptr<EventLogReader> EventLogReader::Open(const std::filesystem::path& file) {
  return std::make_unique<Reader>(file);
}

bool IsFinalState(std::string_view state) { return state == "CANCELLED" || state == "SUCCEEDED" || state == "FAILED"; }

}  // namespace fintag
