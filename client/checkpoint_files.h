// Which files of a Hugging Face folder the service has a use for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::client {

struct CheckpointFiles {
  std::vector<std::string> sent;      // names, sorted
  std::vector<std::string> left_out;  // names, sorted; a folder ends in '/'
};

// NOT_FOUND if there is no such folder; FAILED_PRECONDITION if it has no config.json or no weights.
absl::StatusOr<CheckpointFiles> FindCheckpointFiles(const std::string& folder);

}  // namespace fintag::client
