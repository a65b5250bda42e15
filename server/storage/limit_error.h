// Past a limit of one owner's: an error that says which, for rooms that know nothing of callers' messages.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fintag::server {

// RESOURCE_EXHAUSTED. `limit` is the option's name ("max-caller-jobs"); `message` says what to do.
absl::Status LimitError(std::string_view limit, std::string_view message);

// The limit of such a status; empty for any other.
std::string LimitOf(const absl::Status& status);

}  // namespace fintag::server
