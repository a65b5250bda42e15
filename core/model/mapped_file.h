// A file's bytes in memory: mapped, so that pages come in when they are touched and nothing is copied, or read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace fintag {

// An opened file must not be cut short while it is mapped (reading past its new end raises SIGBUS); checkpoints are
// replaced by renaming, which leaves mapped files whole.
class MappedFile {
 public:
  // NOT_FOUND where there is no such file, FAILED_PRECONDITION where it is not a regular one.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& path);
  // The same, read into memory of the process's own: a disk that fails, or a file that is cut short later, harms nobody
  // who uses the bytes. DATA_LOSS where it cannot be read to its end.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Read(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::Span<const uint8_t> bytes() const { return bytes_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  explicit MappedFile(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}

  absl::Span<const uint8_t> bytes_;
};

}  // namespace fintag
