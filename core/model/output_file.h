// A new file, written in pieces, whose every failure is a status.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

class OutputFile {
 public:
  // Replaces what was there.
  static absl::StatusOr<OutputFile> Create(const std::filesystem::path& path);
  OutputFile(OutputFile&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  // RESOURCE_EXHAUSTED where the disk is full.
  absl::Status Write(std::string_view bytes);
  // To be called last: an error of an earlier write may come up only here.
  absl::Status Close();

 private:
  OutputFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}

  std::filesystem::path path_;
  int file_;
};

// Create, Write and Close in one.
absl::Status WriteWholeFile(const std::filesystem::path& path, std::string_view bytes);

}  // namespace fintag
