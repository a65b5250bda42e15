// Page tokens of lists whose key is the row's position.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/storage/database.h"

namespace fintag::server {

struct PageStart {
  int64_t before = std::numeric_limits<int64_t>::max();  // rows of a smaller position
  int64_t rows = 0;
};

// INVALID_ARGUMENT for a page size out of range, or a token that is none of `list` ("jobs").
absl::StatusOr<PageStart> ReadPageRequest(std::string_view list, const PageRequest& page);

// The token of the page behind the row at `position`.
std::string PageToken(std::string_view list, int64_t position);

}  // namespace fintag::server
