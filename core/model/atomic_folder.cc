#include "core/model/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(std::string_view action, const fs::path& path, int error) {
  return absl::ErrnoToStatus(error, StrCat("cannot ", action, " ", path.string()));
}

fs::path Beside(const fs::path& target, std::string_view suffix) {
  return target.parent_path() / StrCat(".", target.filename().string(), suffix);
}
fs::path NewFolder(const fs::path& target) { return Beside(target, ".new"); }
fs::path OldFolder(const fs::path& target) { return Beside(target, ".old"); }

// Absolute and without symbolic links or a trailing slash, so that the name beside it is on the same file system.
fs::path Resolve(const fs::path& target) {
  std::error_code error;
  fs::path resolved = fs::weakly_canonical(fs::absolute(target, error), error);
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

absl::Status Sync(const fs::path& path, int flags) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (file < 0) return Failed("open", path, errno);
  const absl::Cleanup close_file = [file] { close(file); };
  return fsync(file) == 0 ? absl::OkStatus() : Failed("sync", path, errno);
}

absl::Status SyncFolder(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (const absl::Status status = Sync(entry->path(), 0); !status.ok()) return status;
  }
  if (error) return Failed("list", folder, error.value());
  return Sync(folder, O_DIRECTORY);
}

absl::Status Remove(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  return error ? Failed("remove", folder, error.value()) : absl::OkStatus();
}

absl::Status Rename(const fs::path& from, const fs::path& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Failed("rename to", to, errno);
}

absl::Status ReplaceInTwoSteps(const fs::path& path, const fs::path& target) {
  if (const absl::Status status = Rename(target, OldFolder(target)); !status.ok()) return status;
  if (absl::Status status = Rename(path, target); !status.ok()) {
    Rename(OldFolder(target), target).IgnoreError();
    return status;
  }
  if (const absl::Status status = Sync(target.parent_path(), O_DIRECTORY); !status.ok()) return status;
  return Remove(OldFolder(target));
}

}  // namespace

absl::StatusOr<AtomicFolder> AtomicFolder::Create(const fs::path& target) {
  const fs::path resolved = Resolve(target);
  if (target.empty() || !resolved.has_filename()) {
    return absl::InvalidArgumentError(StrCat("\"", target.string(), "\" is no folder to write to"));
  }
  std::error_code error;
  fs::create_directories(resolved.parent_path(), error);
  if (error) return Failed("create", resolved.parent_path(), error.value());
  if (const absl::Status status = Recover(resolved); !status.ok()) return status;
  const fs::path path = NewFolder(resolved);
  fs::create_directory(path, error);
  if (error) return Failed("create", path, error.value());
  return AtomicFolder(resolved, path);
}

absl::Status AtomicFolder::Recover(const fs::path& target) {
  const fs::path resolved = Resolve(target);
  std::error_code error;
  if (fs::exists(OldFolder(resolved), error)) {
    const bool replaced = fs::exists(resolved, error);
    const absl::Status status = replaced ? Remove(OldFolder(resolved)) : Rename(OldFolder(resolved), resolved);
    if (!status.ok()) return status;
  }
  return Remove(NewFolder(resolved));
}

fs::path AtomicFolder::Readable(const fs::path& target) {
  std::error_code error;
  const fs::path resolved = Resolve(target);
  return !fs::exists(resolved, error) && fs::exists(OldFolder(resolved), error) ? OldFolder(resolved) : target;
}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : target_(std::move(other.target_)), path_(std::exchange(other.path_, {})) {}

AtomicFolder::~AtomicFolder() {
  if (!path_.empty()) Remove(path_).IgnoreError();
}

absl::Status AtomicFolder::Commit(Replacement replacement) {
  if (const absl::Status status = SyncFolder(path_); !status.ok()) return status;
  std::error_code error;
  if (!fs::exists(target_, error)) {
    if (const absl::Status status = Rename(path_, target_); !status.ok()) return status;
    path_.clear();
    return Sync(target_.parent_path(), O_DIRECTORY);
  }
  if (!fs::is_directory(target_, error)) {
    return absl::FailedPreconditionError(StrCat(target_.string(), " exists and is not a folder"));
  }
  const bool exchanged = replacement == Replacement::kExchange &&
                         renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0;
  if (!exchanged) {
    const bool unsupported = errno == EINVAL || errno == ENOSYS || errno == EXDEV || errno == ENOTSUP;
    if (replacement == Replacement::kExchange && !unsupported) return Failed("replace", target_, errno);
    const absl::Status status = ReplaceInTwoSteps(path_, target_);
    if (status.ok()) path_.clear();
    return status;
  }
  // From here on path_ is the old folder.
  if (const absl::Status status = Sync(target_.parent_path(), O_DIRECTORY); !status.ok()) return status;
  return Remove(std::exchange(path_, {}));
}

}  // namespace fintag
