// A dataset's description as the store holds it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/datasets/dataset_registry.h"

namespace fintag::server {

// All of a dataset but its id and time, which have columns of their own.
std::string DatasetJson(const Dataset& dataset);
// DATA_LOSS if it is not what DatasetJson wrote.
absl::StatusOr<Dataset> DatasetFromJson(std::string_view json);

}  // namespace fintag::server
