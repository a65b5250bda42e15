#include "core/model/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/text/strings.h"

namespace fintag {
namespace {

absl::Status CannotWrite(const std::filesystem::path& path, int error) {
  return absl::ErrnoToStatus(error, StrCat("cannot write ", path.string()));
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Create(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return CannotWrite(path, errno);
  return OutputFile(path, file);
}

OutputFile::~OutputFile() {
  if (file_ >= 0) close(file_);
}

absl::Status OutputFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Close() {
  return close(std::exchange(file_, -1)) == 0 ? absl::OkStatus() : CannotWrite(path_, errno);
}

absl::Status WriteWholeFile(const std::filesystem::path& path, std::string_view bytes) {
  auto file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Write(bytes); !status.ok()) return status;
  return file->Close();
}

}  // namespace fintag
