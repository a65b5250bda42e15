#include "core/training/event_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/training/event_json.h"

namespace fintag {
namespace {

constexpr size_t kPieceBytes = 1 << 20;  // of a log in memory at a time

// Where the whole, good lines of a log end. Only the last line may be torn (a kill or a power cut while it was
// written): it is not counted. `expected` is the sequence number of the next event.
struct Scan {
  int64_t good_bytes = 0;
  int64_t expected = 1;
  int64_t last_milliseconds = 0;  // time of the last event
};

// `at_end`: the file has nothing behind `bytes`.
absl::Status ScanLines(const std::filesystem::path& file, std::string_view bytes, bool at_end, Scan& scan,
                       std::vector<Event>* events) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return absl::OkStatus();
    absl::StatusOr<Event> event = DecodeEvent(bytes.substr(0, end + 1));
    const bool last = at_end && end + 1 == bytes.size();
    if (event.ok() && event->sequence != scan.expected) {
      return absl::DataLossError(
          absl::StrCat(file.string(), ": event ", event->sequence, " stands where ", scan.expected, " should"));
    }
    if (!event.ok()) {
      if (last) return absl::OkStatus();
      return absl::DataLossError(
          absl::StrCat(file.string(), ": line of event ", scan.expected, ": ", event.status().message()));
    }
    scan.last_milliseconds = event->unix_milliseconds;
    if (events != nullptr) events->push_back(*std::move(event));
    bytes.remove_prefix(end + 1);
    scan.good_bytes += static_cast<int64_t>(end) + 1;
    ++scan.expected;
  }
  return absl::OkStatus();
}

// Reads and scans the next piece: a line at least, more until there are kPieceBytes.
absl::Status ScanPiece(const std::filesystem::path& file, int descriptor, Scan& scan, std::vector<Event>* events) {
  std::string bytes;
  bool has_line = false;
  char buffer[1 << 14];
  while (!has_line || bytes.size() < kPieceBytes) {
    const ssize_t size = pread(descriptor, buffer, sizeof buffer, scan.good_bytes + std::ssize(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file.string()));
    if (size == 0) return ScanLines(file, bytes, /*at_end=*/true, scan, events);
    const std::string_view read(buffer, static_cast<size_t>(size));
    has_line = has_line || read.find('\n') != std::string_view::npos;
    bytes += read;
  }
  return ScanLines(file, bytes, /*at_end=*/false, scan, events);
}

class Writer : public EventLogWriter {
 public:
  Writer(std::filesystem::path file, int descriptor, const Scan& scan)
      : file_(std::move(file)),
        descriptor_(descriptor),
        size_(scan.good_bytes),
        last_sequence_(scan.expected - 1),
        last_milliseconds_(scan.last_milliseconds) {}
  ~Writer() override { close(descriptor_); }

  absl::Status Append(Event event) override {
    event.sequence = last_sequence_ + 1;
    // In order, though the clock may have been set back.
    event.unix_milliseconds = std::max(absl::ToUnixMillis(absl::Now()), last_milliseconds_);
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
    last_milliseconds_ = event.unix_milliseconds;
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
  int64_t last_milliseconds_;
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
    return ScanPiece(file_, descriptor_, position_, &events);
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
  Scan scan;
  int64_t scanned = -1;
  while (scan.good_bytes > scanned) {
    scanned = scan.good_bytes;
    if (absl::Status status = ScanPiece(file, descriptor, scan, nullptr); !status.ok()) return status;
  }
  const off_t size = lseek(descriptor, 0, SEEK_END);
  if (size == 0) SyncFolder(file.parent_path());
  if (scan.good_bytes < size && ftruncate(descriptor, scan.good_bytes) != 0) {
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
