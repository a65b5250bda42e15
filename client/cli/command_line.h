// `fintag` from its arguments to its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
#pragma once

#include <memory>
#include <ostream>

#include "client/cli/session.h"

namespace CLI {
class App;
}

namespace fintag::client {

// The tree of commands. `session` must outlive it.
std::unique_ptr<CLI::App> BuildCommandLine(Session& session);

int RunCommandLine(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace fintag::client
