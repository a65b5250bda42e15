// Names of the service's resources: datasets/{id}, models/{id}, models/{id}/versions/{n}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag::server {

// 1 to 63 characters of a-z, 0-9 and '-', the first a letter or digit: safe as the name of a folder.
bool IsResourceId(std::string_view id);
absl::Status CheckResourceId(std::string_view kind, std::string_view id);  // INVALID_ARGUMENT: "dataset id ..."

// The id of "datasets/{id}".
absl::StatusOr<std::string> ParseDatasetName(std::string_view name);

struct ModelName {
  std::string id;
  std::optional<int64_t> version;  // from 1
};
absl::StatusOr<ModelName> ParseModelName(std::string_view name);

}  // namespace fintag::server
