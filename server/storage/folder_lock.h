// One program a data folder: a server, or a restore.
#pragma once

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace fintag::server {

class FolderLock {
 public:
  static constexpr std::string_view kFile = "fintagd.lock";

  FolderLock() = default;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

  // Makes `folder` if it is not there. FAILED_PRECONDITION if another program has it.
  absl::Status Take(const std::filesystem::path& folder);

 private:
  int descriptor_ = -1;
};

}  // namespace fintag::server
