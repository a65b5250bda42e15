// A file that nobody but this process ever sees: it has no name from the start, so its disk space is free again when
// the process ends, however it ends. Written once from front to back, then mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

class ScratchFile {
 public:
  // In `folder`, on whose disk it takes its place; the folder is made where it is missing.
  static absl::StatusOr<ScratchFile> Create(const std::filesystem::path& folder);
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&&) = delete;
  ~ScratchFile();

  // Behind what is there. RESOURCE_EXHAUSTED where the disk is full, or another status of errno, with the path.
  absl::Status Append(std::span<const int32_t> values);
  int64_t size() const { return size_; }  // values until now

  // To be called once, behind the last Append: values() is empty until then, and the whole file from then on.
  absl::Status Map();
  std::span<const int32_t> values() const { return {values_, mapped_}; }

  // Tells the kernel that this process does without the pages that it has touched: they stay in the page cache while
  // there is room, and come back, unchanged, when they are touched again.
  void LetGo() const;

 private:
  ScratchFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}
  absl::Status Flush();

  std::filesystem::path path_;  // that it had, for messages
  int file_;
  std::vector<int32_t> buffer_;
  int64_t size_ = 0;
  const int32_t* values_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace fintag
