// JSON of files that others wrote: bounded depth, no key twice, errors as a status.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace fintag {

// INVALID_ARGUMENT for anything but one JSON object (RFC 8259), nested no deeper than 32, of a million values and
// keys at most, each key of an object once.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text);

}  // namespace fintag
