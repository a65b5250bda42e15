#include "server/backup/linked_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "core/text/strings.h"
#include "server/backup/archive_format.h"
#include "server/storage/disk_error.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

// By way of the open folder, whichever name it has by now.
absl::Status LinkOrCopy(int folder, const std::string& name, const fs::path& target) {
  if (linkat(folder, name.c_str(), AT_FDCWD, target.c_str(), 0) == 0) return absl::OkStatus();
  if (errno == EEXIST) return absl::AlreadyExistsError(name);
  if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != ENOTSUP && errno != ENOSYS) {
    return DiskError(errno, StrCat("cannot link ", name));
  }
  std::error_code error;
  fs::copy_file(StrCat("/proc/self/fd/", folder, "/", name), target, error);
  if (error) return DiskError(error.value(), StrCat("cannot copy ", name));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<LinkedFile>> LinkFiles(const fs::path& from, const fs::path& to,
                                                  const std::function<bool(const std::string& name)>& wanted) {
  const int folder = open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return DiskError(errno, StrCat("cannot open ", from.string()));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(folder), closedir);
  if (entries == nullptr) {
    const int error = errno;
    close(folder);
    return DiskError(error, StrCat("cannot list ", from.string()));
  }
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return DiskError(error.value(), StrCat("cannot make ", to.string()));
  std::vector<LinkedFile> files;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(entries.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    struct stat status;
    if (!IsPlainFileName(name) || !wanted(name)) continue;
    if (fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode)) continue;
    const absl::Status linked = LinkOrCopy(folder, name, to / name);
    if (absl::IsAlreadyExists(linked)) continue;  // a list may name a file twice that is replaced meanwhile
    if (!linked.ok()) return linked;
    // Of the link, which is the file that was there when it was made.
    if (lstat((to / name).c_str(), &status) != 0) return DiskError(errno, StrCat("cannot stat ", name));
    files.push_back({name, status.st_size, status.st_mtime});
  }
  if (errno != 0) return DiskError(errno, StrCat("cannot list ", from.string()));
  // What is being taken apart lists as much as is left.
  struct stat opened, named;
  if (fstat(folder, &opened) != 0 || stat(from.c_str(), &named) != 0 || opened.st_ino != named.st_ino) {
    return absl::NotFoundError(StrCat(from.string(), " was replaced meanwhile"));
  }
  return files;
}

}  // namespace fintag::server
