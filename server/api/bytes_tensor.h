// A tensor of texts as the Open Inference Protocol's raw contents have it: each element is its length in bytes (32
// bits, the lowest byte first), then its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::server {

void AppendElement(std::string_view element, std::string& raw);

// Exactly `count` elements; views into `raw`. INVALID_ARGUMENT says what is wrong and at which byte.
absl::StatusOr<std::vector<std::string_view>> ReadElements(std::string_view raw, int64_t count);

}  // namespace fintag::server
