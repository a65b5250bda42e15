// The plain files of a tar archive, one behind the other, without trust in what is in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag::server {

struct TarEntry {
  std::string name;  // as it stands there: the caller decides where it may be written
  int64_t size = 0;
};

class TarReader {
 public:
  // NOT_FOUND and the like where the file cannot be read, DATA_LOSS where it is no tar archive.
  static absl::StatusOr<std::unique_ptr<TarReader>> Open(const std::filesystem::path& file);
  virtual ~TarReader() = default;

  // The next entry; false at the end. DATA_LOSS for a cut or damaged archive, and for anything but a plain file.
  virtual absl::StatusOr<bool> Next(TarEntry& entry) = 0;
  // Gives the entry's bytes to `sink`, to their end.
  virtual absl::Status Read(const std::function<absl::Status(std::string_view)>& sink) = 0;
};

}  // namespace fintag::server
