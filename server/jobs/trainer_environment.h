// The environment of a trainer: of the server's what bears on computing, and nothing else. A server may be given
// credentials by its environment; who trains has no use for them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fintag::server {

// "NAME=VALUE" of each variable of `server` (as `environ`, ended by null) that the list in the .cc lets through, and
// TMPDIR, which is the job's folder.
std::vector<std::string> TrainerEnvironment(const char* const* server, const std::filesystem::path& folder);

}  // namespace fintag::server
