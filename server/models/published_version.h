// version.json: the description of a version beside its files, for servers that follow this one's models (REPLICAS.md).
// It is there once the version is registered, and goes with its folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/models/model_registry.h"

namespace fintag::server {

struct PublishedVersion {
  ModelVersion version;
  int64_t model_create_time_ms = 0;
  int64_t model_position = 0;  // in lists, and so in their page tokens
};

constexpr char kPublishedFile[] = "version.json";

std::string PublishedVersionJson(const PublishedVersion& published);
// DATA_LOSS if it is not what PublishedVersionJson wrote.
absl::StatusOr<PublishedVersion> ParsePublishedVersion(std::string_view json);

}  // namespace fintag::server
