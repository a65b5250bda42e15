// The commands of `fintag`, one function a group: each adds its commands to the tree and, when one is chosen, sets
// session.action. The session must outlive the tree.
#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/session.h"

namespace fintag::client {

void AddDatasetsCommand(CLI::App& root, Session& session);
void AddModelsCommand(CLI::App& root, Session& session);
void AddJobsCommand(CLI::App& root, Session& session);
void AddTagCommand(CLI::App& root, Session& session);
void AddBenchCommand(CLI::App& root, Session& session);
void AddHealthCommand(CLI::App& root, Session& session);
void AddAuditCommand(CLI::App& root, Session& session);
void AddAdminCommand(CLI::App& root, Session& session);
void AddTokenCommand(CLI::App& root, Session& session);
void AddCompletionCommand(CLI::App& root, Session& session);

}  // namespace fintag::client
