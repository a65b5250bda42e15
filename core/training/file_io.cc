#include "core/training/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

absl::Status WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file, int64_t max_bytes) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file.string()));
  absl::Cleanup closing = [descriptor] { close(descriptor); };
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    const ssize_t size = read(descriptor, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file.string()));
    if (size == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(size));
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(file.string(), " has more than ", max_bytes, " bytes"));
    }
  }
}

absl::Status ReplaceFile(const std::filesystem::path& file, std::string_view bytes) {
  const std::string temporary = absl::StrCat(file.string(), ".tmp");
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", temporary));
  absl::Status written = WriteAll(descriptor, bytes);
  if (written.ok() && fsync(descriptor) != 0) written = absl::ErrnoToStatus(errno, "fsync");
  close(descriptor);
  if (written.ok() && rename(temporary.c_str(), file.c_str()) != 0) written = absl::ErrnoToStatus(errno, "rename");
  if (!written.ok()) {
    unlink(temporary.c_str());
    return absl::Status(written.code(), absl::StrCat("cannot write ", file.string(), ": ", written.message()));
  }
  return absl::OkStatus();
}

}  // namespace fintag
