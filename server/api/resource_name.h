// Names of resources: datasets/{id}, jobs/{id}, models/{id}, models/{id}/versions/{n}.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag::server {

// The id of "COLLECTION/{id}". INVALID_ARGUMENT names `field`.
absl::StatusOr<std::string> ParseName(const std::string& name, std::string_view collection, std::string_view field);

// An id for something new: 1 to 63 characters of a-z, 0-9 and '-', starting with a letter or digit.
absl::Status CheckId(const std::string& id, std::string_view field);

// Checks "models/{id}" or "models/{id}/versions/{n}".
absl::Status CheckModelName(const std::string& name, std::string_view field);

// INVALID_ARGUMENT unless 0 to 1,000; 0 becomes 50.
absl::StatusOr<int32_t> CheckPageSize(int32_t page_size);

}  // namespace fintag::server
