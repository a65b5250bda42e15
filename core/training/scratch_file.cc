#include "core/training/scratch_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fintag {
namespace {

constexpr size_t kBufferValues = 1 << 16;

}  // namespace

absl::StatusOr<ScratchFile> ScratchFile::Create(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create ", folder.string()));
  // A number of its own: ranks that share the folder may share theirs, on machines or in containers of their own.
  std::string path = folder / ".scratch-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  // All file systems can do this; O_TMPFILE only some. What a kill in between leaves is empty.
  unlink(path.c_str());
  return ScratchFile(path, file);
}

ScratchFile::ScratchFile(ScratchFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      buffer_(std::move(other.buffer_)),
      size_(other.size_),
      values_(std::exchange(other.values_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)) {}

ScratchFile::~ScratchFile() {
  if (values_ != nullptr) munmap(const_cast<int32_t*>(values_), mapped_ * sizeof(int32_t));
  if (file_ >= 0) close(file_);
}

absl::Status ScratchFile::Append(std::span<const int32_t> values) {
  size_ += std::ssize(values);
  buffer_.insert(buffer_.end(), values.begin(), values.end());
  return buffer_.size() < kBufferValues ? absl::OkStatus() : Flush();
}

absl::Status ScratchFile::Flush() {
  const char* bytes = reinterpret_cast<const char*>(buffer_.data());
  size_t left = buffer_.size() * sizeof(int32_t);
  while (left > 0) {
    const ssize_t written = write(file_, bytes, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write the token cache ", path_.string()));
    }
    bytes += written;
    left -= static_cast<size_t>(written);
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status ScratchFile::Map() {
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  buffer_ = {};
  if (size_ == 0) return absl::OkStatus();
  void* address = mmap(nullptr, static_cast<size_t>(size_) * sizeof(int32_t), PROT_READ, MAP_SHARED, file_, 0);
  if (address == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", path_.string()));
  values_ = static_cast<const int32_t*>(address);
  mapped_ = static_cast<size_t>(size_);
  return absl::OkStatus();
}

void ScratchFile::LetGo() const {
  if (values_ != nullptr) madvise(const_cast<int32_t*>(values_), mapped_ * sizeof(int32_t), MADV_DONTNEED);
}

}  // namespace fintag
