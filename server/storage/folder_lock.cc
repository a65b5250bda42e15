#include "server/storage/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/text/strings.h"
#include "server/storage/disk_error.h"

namespace fintag::server {

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status FolderLock::Take(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return DiskError(error.value(), StrCat("cannot make ", folder.string()));
  descriptor_ = open((folder / kFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) return DiskError(errno, StrCat("cannot write in ", folder.string()));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(StrCat("another fintagd uses ", folder.string()));
  }
  return absl::OkStatus();
}

}  // namespace fintag::server
