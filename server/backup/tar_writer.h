// A tar archive (pax interchange format), written from front to back to wherever its bytes should go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fintag::server {

class TarWriter {
 public:
  // Takes the archive's bytes in pieces of `piece_bytes`, the last one shorter. An error ends the writing.
  using Sink = std::function<absl::Status(std::string_view piece)>;

  static std::unique_ptr<TarWriter> Create(size_t piece_bytes, Sink sink);
  virtual ~TarWriter() = default;

  // Begins a file of `size` bytes, which Write then brings.
  virtual absl::Status Begin(const std::string& name, int64_t size, int64_t unix_seconds) = 0;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Ends the archive and gives the last piece away.
  virtual absl::Status Finish() = 0;
};

}  // namespace fintag::server
