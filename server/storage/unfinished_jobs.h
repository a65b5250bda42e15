// The jobs that have not ended, and what they need.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/database.h"

namespace fintag::server {

// SQL over the table jobs. log_closed is the condition of an index of few rows: without it SQLite would read all jobs
// that ever were.
inline constexpr std::string_view kUnfinished = "log_closed = 0 AND state NOT IN ('CANCELLED', 'SUCCEEDED', 'FAILED')";

// FAILED_PRECONDITION naming `what` and the unfinished jobs that satisfy `condition` (SQL over the table jobs), the
// first ten. Asked in the transaction that would delete it, so that no job can come in between.
absl::Status RefuseIfJobsNeed(Database& database, std::string_view what, std::string_view condition,
                              std::vector<Value> parameters);

}  // namespace fintag::server
