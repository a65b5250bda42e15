// Where the load generator's texts come from.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::bench {

// A dozen sentences in the manner of filings, of 40 to 330 bytes.
std::vector<std::string> BuiltInTexts();

// The lines of the file `path`, "-" for the standard input, blank ones left out; all are held in memory. NOT_FOUND or
// PERMISSION_DENIED with the path; INVALID_ARGUMENT with the line if it is not UTF-8 or longer than 1 MiB, and if there
// is no text at all.
absl::StatusOr<std::vector<std::string>> ReadTexts(const std::string& path);

}  // namespace fintag::bench
