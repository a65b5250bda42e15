// A model version's description as the store holds it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/models/model_registry.h"

namespace fintag::server {

// All of a version but what has a column of its own: model, number, time and job.
std::string ModelVersionJson(const ModelVersion& version);
// DATA_LOSS if it is not what ModelVersionJson wrote.
absl::StatusOr<ModelVersion> ModelVersionFromJson(std::string_view json);

}  // namespace fintag::server
