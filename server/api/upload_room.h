// Room for what callers upload: on the disk, and within what one of them may have stored. Uploads under way at once are
// counted together, so that they do not pass a check each and fail together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace fintag::server {

class UploadRoom {
 public:
  // What a caller has stored already.
  using Stored = std::function<absl::StatusOr<int64_t>(const std::string& caller)>;

  // `max_caller_bytes` 0: as much as one likes.
  UploadRoom(Stored stored, int64_t max_caller_bytes)
      : stored_(std::move(stored)), max_caller_bytes_(max_caller_bytes) {}

  // One upload of `bytes` into `folder`, counted for as long as it lives, if there is room for it, and on the disk for
  // `bytes_made` more that the server makes of it.
  class Claim {
   public:
    Claim(UploadRoom& room, const std::string& caller, std::filesystem::path folder, int64_t bytes,
          int64_t bytes_made = 0);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // Asked before the first byte, and again while they arrive: others write as well. RESOURCE_EXHAUSTED with what to
    // delete where the disk has no room for all that is on its way (64 MiB stay free), or the caller has too much
    // (ErrorInfo's "limit").
    absl::Status Check() const;
    // So many have been written.
    void Took(int64_t bytes);

   private:
    UploadRoom& room_;
    const std::string caller_;
    const std::filesystem::path folder_;
    const int64_t bytes_;
    const int64_t bytes_made_;
    int64_t to_come_;
    absl::Status admission_;
  };

  // Whether the caller may store more at all: asked where how much it will be is not known yet.
  absl::Status CheckCaller(const std::string& caller);

 private:
  // Whether there is room for `more` beside all uploads that were let in.
  absl::Status CheckCallerLocked(const std::string& caller, int64_t more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckDiskLocked(const std::filesystem::path& folder, int64_t more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Stored stored_;
  const int64_t max_caller_bytes_;
  absl::Mutex mutex_;
  int64_t to_come_ ABSL_GUARDED_BY(mutex_) = 0;                       // of all
  int64_t to_make_ ABSL_GUARDED_BY(mutex_) = 0;                       // of all, until their claims end
  std::map<std::string, int64_t> under_way_ ABSL_GUARDED_BY(mutex_);  // by caller, whole uploads
};

}  // namespace fintag::server
