#include "server/storage/disk_error.h"

#include <cerrno>
#include <cstring>

#include "core/text/strings.h"

namespace fintag::server {

absl::Status DiskError(int error, std::string_view what) {
  const std::string message = StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(StrCat(message, "; ", kMakeRoom));
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(StrCat(message, "; raise the server's limit (ulimit -n, LimitNOFILE)"));
    case EROFS:
      return absl::UnavailableError(StrCat(message, "; ", kMakeWritable));
    case EIO:
      return absl::UnavailableError(StrCat(message, "; the disk of --data-dir fails: see dmesg"));
    default:
      return absl::ErrnoToStatus(error, AbslView(what));
  }
}

}  // namespace fintag::server
