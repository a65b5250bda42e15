// Another program run to its end, for what has no library: a scheduler's commands.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace fintag::server {

struct CommandResult {
  int exit_status = 0;  // 128 and the signal's number where one ended it
  std::string output;   // standard output
  std::string errors;   // standard error
};

// Runs `arguments` (the first is looked up in this process' PATH) with `input` on its standard input and nothing but
// `environment` ("NAME=VALUE"). It ends with the thread that calls; after `patience`: then DEADLINE_EXCEEDED; and once
// `stopped`, asked several times a second, says true: then CANCELLED.
absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments, const std::string& input,
                                         const std::vector<std::string>& environment, absl::Duration patience,
                                         const std::function<bool()>& stopped);

// Whether `program` is in this process' PATH.
bool IsInPath(const std::string& program);

}  // namespace fintag::server
