#include "server/security/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/text/strings.h"
#include "server/storage/disk_error.h"
#include "server/storage/folders.h"

namespace fintag::server {
namespace {

constexpr int64_t kTailBytes = 1 << 20;  // of the file, checked at the start
// Set aside in advance, so that on a disk that has become full something can still be deleted.
constexpr int64_t kAheadBytes = 256 << 10;

absl::StatusOr<std::string> ReadFrom(int descriptor, int64_t offset) {
  std::string bytes;
  char buffer[1 << 14];
  while (true) {
    const ssize_t size = pread(descriptor, buffer, sizeof buffer, offset + static_cast<int64_t>(bytes.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "cannot read the audit log");
    if (size == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(size));
  }
}

// Where the whole lines end. A power cut may leave zeros where a line was to be.
size_t WholeLines(const std::string& bytes) {
  size_t end = bytes.rfind('\n') + 1;  // 0 where there is none
  const size_t last = end < 2 ? 0 : bytes.rfind('\n', end - 2) + 1;
  if (bytes.find('\0', last) < end) end = last;
  return end;
}

absl::Status CheckTail(const std::filesystem::path& file, std::string_view lines, AuditLink& link) {
  for (int64_t number = 1; !lines.empty(); ++number) {
    const size_t end = lines.find('\n');
    const AuditLink before = link;
    if (absl::Status followed = FollowAuditLine(lines.substr(0, end), link); !followed.ok()) {
      const std::string where = before.sequence < 0 ? StrCat("a line ", lines.size(), " bytes before its end")
                                                    : StrCat("the line behind entry ", before.sequence);
      return absl::DataLossError(StrCat(
          "the audit log ", file.string(), " is broken: ", where, ": ", followed.message(),
          ". Somebody or something changed it: `fintag audit verify` says where it begins. Keep it, move it away, "
          "and start again: a new one begins"));
    }
    lines.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

// Whether the disk takes `bytes` behind `offset`, and keeps them for us where it can.
int Allocate(int descriptor, int64_t offset, int64_t bytes) {
  int result;
  do {
    result = fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, bytes);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return 0;
  if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  struct statvfs space = {};
  if (fstatvfs(descriptor, &space) != 0) return errno;
  if ((space.f_flag & ST_RDONLY) != 0) return EROFS;
  return static_cast<int64_t>(space.f_bavail * space.f_frsize) < bytes ? ENOSPC : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::filesystem::path& file, OnEntry on_entry) {
  std::unique_ptr<AuditLog> log(new AuditLog(file, std::move(on_entry)));
  log->descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (log->descriptor_ < 0) return absl::ErrnoToStatus(errno, StrCat("cannot open ", file.string()));
  fchmod(log->descriptor_, 0640);  // a restored one may be readable by all
  const absl::StatusOr<int64_t> torn = log->Recover();
  if (!torn.ok()) return torn.status();
  if (*torn > 0) {
    const std::string detail = StrCat("a torn last line of ", *torn, " bytes was cut off");
    if (absl::Status written = log->Write({.method = "server/RepairAuditLog", .code = "OK", .detail = detail});
        !written.ok()) {
      return written;
    }
  }
  return log;
}

AuditLog::~AuditLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<int64_t> AuditLog::Recover() {
  absl::MutexLock lock(&mutex_);
  const off_t size = lseek(descriptor_, 0, SEEK_END);
  const int64_t offset = std::max<int64_t>(0, size - kTailBytes);
  absl::StatusOr<std::string> tail = ReadFrom(descriptor_, offset);
  if (!tail.ok()) return tail.status();
  const size_t whole = WholeLines(*tail);
  // A tail that begins within a line is checked from the next one on.
  const size_t first = offset == 0 ? 0 : std::min(tail->find('\n') + 1, whole);
  if (offset > 0) last_.sequence = -1;
  const std::string_view lines = std::string_view(*tail).substr(first, whole - first);
  if (absl::Status checked = CheckTail(file_, lines, last_); !checked.ok()) return checked;
  if (last_.sequence < 0) return absl::DataLossError(StrCat("the audit log ", file_.string(), " has no lines"));
  size_ = offset + static_cast<int64_t>(whole);
  if (size_ < size && (ftruncate(descriptor_, size_) != 0 || fsync(descriptor_) != 0)) return CannotWrite(errno);
  if (size == 0) {
    // A new file is there after a power cut only once its folder is synced.
    SyncFolder(file_.parent_path()).IgnoreError();
  }
  return size - size_;
}

absl::Status AuditLog::CannotWrite(int error) const {
  const absl::Status status = DiskError(error, StrCat("the audit log ", file_.string(), " cannot be written"));
  const std::string what = StrCat(status.message(), ": nothing is changed until it can be. ");
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(StrCat(what, "Make room on the disk of --data-dir"));
  }
  return absl::UnavailableError(StrCat(what, "See to the disk of --data-dir"));
}

absl::Status AuditLog::MakeRoom(int64_t bytes) {
  int error = Allocate(descriptor_, size_, bytes + kAheadBytes);
  if (error != 0) error = Allocate(descriptor_, size_, bytes);
  return error == 0 ? absl::OkStatus() : CannotWrite(error);
}

absl::Status AuditLog::Reserve() {
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    status = Flush();
    if (status.ok()) status = MakeRoom((places_ + 1) * kLongestAuditLine);
    if (status.ok()) ++places_;
  }
  if (!status.ok() && on_entry_) on_entry_(status);
  return status;
}

void AuditLog::Release() {
  absl::MutexLock lock(&mutex_);
  --places_;
}

absl::Status AuditLog::Flush() {
  std::string_view rest = unwritten_;
  if (cut_ && ftruncate(descriptor_, size_) != 0) return CannotWrite(errno);
  cut_ = false;
  // No line is begun that a full disk would end: where the file may only be added to (chattr +a), it could not be cut.
  int error = rest.empty() ? 0 : Allocate(descriptor_, size_, static_cast<int64_t>(rest.size()));
  if (error != 0) return CannotWrite(error);
  while (error == 0 && !rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
    if (written < 0 && errno != EINTR) error = errno;
  }
  if (error == 0 && !unwritten_.empty() && fdatasync(descriptor_) != 0) error = errno;
  if (error != 0) {
    // Half a line would make the next one unreadable; what was not synced is written anew.
    cut_ = ftruncate(descriptor_, size_) != 0;
    return CannotWrite(error);
  }
  size_ += static_cast<int64_t>(unwritten_.size());
  unwritten_.clear();
  return absl::OkStatus();
}

absl::Status AuditLog::Append(const AuditEntry& entry, bool keep) {
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    AuditLink link = last_;
    const std::string line = AuditLine(entry, link);
    const size_t size = unwritten_.size();
    // What may be lost takes nothing of the room that is set aside for what may not.
    const int64_t room = static_cast<int64_t>(size + line.size()) + places_ * kLongestAuditLine + kAheadBytes;
    if (const int error = keep ? 0 : Allocate(descriptor_, size_, room); error != 0) status = CannotWrite(error);
    if (status.ok()) {
      unwritten_ += line;
      std::swap(last_, link);
      status = Flush();
      if (!status.ok() && !keep) {
        unwritten_.resize(size);
        std::swap(last_, link);
      }
    }
  }
  if (on_entry_) on_entry_(status);
  return status;
}

absl::Status AuditLog::Write(const AuditEntry& entry) {
  const absl::Status status = Append(entry, /*keep=*/true);
  if (status.ok()) return status;
  return absl::UnavailableError(StrCat("this was done, but is not in the audit log yet: ", status.message()));
}

absl::Status AuditLog::WriteOrLose(const AuditEntry& entry) { return Append(entry, /*keep=*/false); }

std::string AuditLog::head() const {
  absl::MutexLock lock(&mutex_);
  return last_.hash;
}

int64_t AuditLog::entries() const {
  absl::MutexLock lock(&mutex_);
  return last_.sequence;
}

}  // namespace fintag::server
