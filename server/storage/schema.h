// The tables of the server's store, and how an older store becomes a newer one. The number of migrations that a file
// has seen stands in its PRAGMA user_version.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/database.h"

namespace fintag::server {

// Statements that take a store from one version to the next. What has been released is never edited: a change of the
// schema is a further migration.
using Migration = std::vector<std::string_view>;

const std::vector<Migration>& Migrations();

// Runs the migrations that `database` has not seen, each in a transaction of its own. FAILED_PRECONDITION if it has
// seen more than there are: a newer program wrote it.
absl::Status UpdateSchema(Database& database, const std::vector<Migration>& migrations);

}  // namespace fintag::server
