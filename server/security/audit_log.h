// The audit log: who changed what, when, and with what result, a JSON line each in a chain of hashes (AUDIT_LOG.md has
// the format). Every entry is on disk before the answer that it is about goes out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/security/audit_chain.h"

namespace fintag::server {

// Safe to use from many threads.
class AuditLog {
 public:
  // Told after every entry: whether it is on disk, or why not.
  using OnEntry = std::function<void(const absl::Status& status)>;

  // Opens or makes `file` and goes on behind its last entry. A torn last line (a kill or a power cut while it was
  // written, and so before its answer) is cut off, and an entry says so. DATA_LOSS where the lines of the last MiB are
  // no chain, with what to do; the error of a file that cannot be written.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::filesystem::path& file, OnEntry on_entry);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // The place of one entry to come. Taken before something is changed, so that nothing is that could not be written
  // down.
  class Place {
   public:
    // Not OK where the log cannot be written: RESOURCE_EXHAUSTED where the disk is full, else UNAVAILABLE, with what to
    // do.
    explicit Place(AuditLog& log) : log_(log), status_(log.Reserve()) {}
    ~Place() {
      if (status_.ok()) log_.Release();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    const absl::Status& status() const { return status_; }

   private:
    AuditLog& log_;
    const absl::Status status_;
  };

  // Writes the entry and syncs it. Where that fails it is kept, and written before the next one: what it is about has
  // happened. UNAVAILABLE says so.
  absl::Status Write(const AuditEntry& entry);
  // The same, but what cannot be written is lost: for attempts that were refused, of which there may be any number.
  absl::Status WriteOrLose(const AuditEntry& entry);

  // The last entry's hash and number; 64 zeros and 0 before the first.
  std::string head() const;
  int64_t entries() const;

 private:
  AuditLog(std::filesystem::path file, OnEntry on_entry) : file_(std::move(file)), on_entry_(std::move(on_entry)) {}
  // Takes up what is in the file; the number of torn bytes that were cut off its end.
  absl::StatusOr<int64_t> Recover() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Reserve();
  void Release();
  absl::Status Append(const AuditEntry& entry, bool keep);
  absl::Status Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sets `bytes` aside, and more if it can be had.
  absl::Status MakeRoom(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CannotWrite(int error) const;

  const std::filesystem::path file_;
  const OnEntry on_entry_;
  int descriptor_ = -1;
  mutable absl::Mutex mutex_;
  int64_t size_ ABSL_GUARDED_BY(mutex_) = 0;       // of what is whole on disk
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;       // something half written stands behind it
  int64_t places_ ABSL_GUARDED_BY(mutex_) = 0;     // reserved
  AuditLink last_ ABSL_GUARDED_BY(mutex_);         // the last entry, whether written yet or not
  std::string unwritten_ ABSL_GUARDED_BY(mutex_);  // whole lines that could not be written yet
};

}  // namespace fintag::server
