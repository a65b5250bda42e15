// Whole files in and out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

// NOT_FOUND or another status of errno, with the path. RESOURCE_EXHAUSTED for a file of over `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file, int64_t max_bytes = int64_t{1} << 40);

// Replaces `file` at once: written beside it, synced, renamed. After a kill it is the old or the new one.
absl::Status ReplaceFile(const std::filesystem::path& file, std::string_view bytes);

}  // namespace fintag
