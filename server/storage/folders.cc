#include "server/storage/folders.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <vector>

#include "core/text/strings.h"
#include "server/storage/disk_error.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

absl::Status ErrorOf(const std::error_code& error, std::string_view what, const fs::path& path) {
  return DiskError(error.value(), StrCat(what, " ", path.string()));
}

absl::Status Sync(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return DiskError(errno, StrCat("cannot open ", path.string()));
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  if (result != 0) return DiskError(error, StrCat("cannot sync ", path.string()));
  return absl::OkStatus();
}

absl::Status MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return ErrorOf(error, "cannot make folder", folder);
  return absl::OkStatus();
}

}  // namespace

absl::Status SyncFolder(const fs::path& folder) { return Sync(folder); }

absl::Status SyncTree(const fs::path& folder) {
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    if (absl::Status synced = Sync(entry->path()); !synced.ok()) return synced;
  }
  if (error) return ErrorOf(error, "cannot list", folder);
  return Sync(folder);
}

fs::path IncomingFolder(const fs::path& root) { return root / ".incoming"; }

absl::Status PrepareRoot(const fs::path& root) {
  std::error_code error;
  fs::remove_all(IncomingFolder(root), error);
  if (error) return ErrorOf(error, "cannot remove", IncomingFolder(root));
  if (absl::Status made = MakeFolder(IncomingFolder(root)); !made.ok()) return made;
  return Sync(root);
}

absl::StatusOr<fs::path> MakeIncoming(const fs::path& root) {
  std::string name = (IncomingFolder(root) / "XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    return DiskError(errno, StrCat("cannot make a folder in ", IncomingFolder(root).string()));
  }
  chmod(name.c_str(), 0755);  // mkdtemp's 0700 would shut out a backup that runs as another user
  return fs::path(name);
}

absl::Status MoveIntoPlace(const fs::path& from, const fs::path& to) {
  if (absl::Status synced = SyncTree(from); !synced.ok()) return synced;
  if (absl::Status made = MakeFolder(to.parent_path()); !made.ok()) return made;
  if (rename(from.c_str(), to.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST)
      return absl::AlreadyExistsError(StrCat(to.string(), " is there already"));
    return DiskError(errno, StrCat("cannot rename ", from.string(), " to ", to.string()));
  }
  // The parent may be new as well.
  for (const fs::path& folder : {to.parent_path(), to.parent_path().parent_path()}) {
    if (absl::Status synced = Sync(folder); !synced.ok()) {
      rename(to.c_str(), from.c_str());  // left there, it would be in the way of the next try
      return synced;
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveFolder(const fs::path& root, const fs::path& folder) {
  static std::atomic<int64_t> removed = 0;
  fs::path doomed = folder;
  if (folder.parent_path() != IncomingFolder(root)) {
    // A new name in a folder that is there: a full disk, which this is to make room on, may have none for a new folder.
    doomed = IncomingFolder(root) / StrCat("removed-", ++removed);
    if (rename(folder.c_str(), doomed.c_str()) != 0 && errno != ENOENT) {
      return DiskError(errno, StrCat("cannot take away ", folder.string()));
    }
  }
  std::error_code error;
  fs::remove_all(doomed, error);
  if (error) return ErrorOf(error, "cannot remove", doomed);
  return absl::OkStatus();
}

absl::Status RemoveAllBut(const fs::path& root, const fs::path& folder, const std::set<std::string>& keep) {
  std::error_code error;
  std::vector<fs::path> doomed;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::end(entry); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') && !keep.contains(name)) doomed.push_back(entry->path());
  }
  if (error) return ErrorOf(error, "cannot list", folder);
  for (const fs::path& path : doomed) {
    if (absl::Status removed = RemoveFolder(root, path); !removed.ok()) return removed;
  }
  return absl::OkStatus();
}

}  // namespace fintag::server
