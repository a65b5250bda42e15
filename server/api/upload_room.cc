#include "server/api/upload_room.h"

#include <system_error>
#include <utility>

#include "core/text/strings.h"
#include "server/storage/disk_error.h"
#include "server/storage/limit_error.h"

namespace fintag::server {

UploadRoom::Claim::Claim(UploadRoom& room, const std::string& caller, std::filesystem::path folder, int64_t bytes,
                         int64_t bytes_made)
    : room_(room),
      caller_(caller),
      folder_(std::move(folder)),
      bytes_(bytes),
      bytes_made_(bytes_made),
      to_come_(bytes) {
  absl::MutexLock lock(&room_.mutex_);
  admission_ = room_.CheckCallerLocked(caller_, bytes_);
  if (admission_.ok()) admission_ = room_.CheckDiskLocked(folder_, bytes_ + bytes_made_ + room_.to_make_);
  if (!admission_.ok()) return;
  room_.to_come_ += to_come_;
  room_.to_make_ += bytes_made_;
  room_.under_way_[caller_] += bytes_;
}

UploadRoom::Claim::~Claim() {
  if (!admission_.ok()) return;
  absl::MutexLock lock(&room_.mutex_);
  room_.to_come_ -= to_come_;
  room_.to_make_ -= bytes_made_;
  const auto mine = room_.under_way_.find(caller_);
  mine->second -= bytes_;
  if (mine->second == 0) room_.under_way_.erase(mine);
}

void UploadRoom::Claim::Took(int64_t bytes) {
  absl::MutexLock lock(&room_.mutex_);
  to_come_ -= bytes;
  room_.to_come_ -= bytes;
}

absl::Status UploadRoom::Claim::Check() const {
  if (!admission_.ok()) return admission_;
  absl::MutexLock lock(&room_.mutex_);
  absl::Status status = room_.CheckCallerLocked(caller_, 0);
  // What is made of others was asked for when they were let in; some of it is on the disk by now.
  return status.ok() ? room_.CheckDiskLocked(folder_, bytes_made_) : status;
}

absl::Status UploadRoom::CheckCaller(const std::string& caller) {
  absl::MutexLock lock(&mutex_);
  return CheckCallerLocked(caller, 1);
}

absl::Status UploadRoom::CheckDiskLocked(const std::filesystem::path& folder, int64_t more) {
  const int64_t to_come = to_come_ + more;
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(folder, unknown);
  if (unknown || space.available >= static_cast<uint64_t>(to_come) + kSparedBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(StrCat("the server's disk has ", space.available, " bytes free, of which ",
                                             kSparedBytes, " stay so, and there are ", to_come,
                                             " to come, those of other uploads included: ", kMakeRoom));
}

// The store is asked with the lock held, so that no upload is in neither of the sums.
absl::Status UploadRoom::CheckCallerLocked(const std::string& caller, int64_t more) {
  if (max_caller_bytes_ == 0) return absl::OkStatus();
  const auto mine = under_way_.find(caller);
  const int64_t under_way = mine == under_way_.end() ? 0 : mine->second;
  const absl::StatusOr<int64_t> stored = stored_(caller);
  if (!stored.ok()) return stored.status();
  if (*stored + under_way + more <= max_caller_bytes_) return absl::OkStatus();
  return LimitError("max-caller-bytes", StrCat(caller, " has ", *stored, " bytes of datasets and models stored and ",
                                               under_way, " on their way; one caller may have ", max_caller_bytes_,
                                               ": delete those whose owner is ", caller, " and that nobody needs"));
}

}  // namespace fintag::server
