// The plain files of a folder under a second name, for as long as the first may go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::server {

struct LinkedFile {
  std::string name;
  int64_t size = 0;
  int64_t unix_seconds = 0;
};

// Links the regular files of plain names (archive_format.h) in `from` that `wanted` into the new folder `to`; copies
// them where the file system has no hard links. The folder may be renamed or replaced meanwhile: all are of one and the
// same. NOT_FOUND if it is not there, or loses files while it is read: then `to` may be there in part.
absl::StatusOr<std::vector<LinkedFile>> LinkFiles(const std::filesystem::path& from, const std::filesystem::path& to,
                                                  const std::function<bool(const std::string& name)>& wanted);

}  // namespace fintag::server
