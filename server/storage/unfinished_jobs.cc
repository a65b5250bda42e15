#include "server/storage/unfinished_jobs.h"

#include <string>

#include "absl/strings/str_join.h"
#include "core/text/strings.h"

namespace fintag::server {

absl::Status RefuseIfJobsNeed(Database& database, std::string_view what, std::string_view condition,
                              std::vector<Value> parameters) {
  absl::StatusOr<std::vector<Row>> rows = database.Query(
      StrCat("SELECT id FROM jobs WHERE ", kUnfinished, " AND (", condition, ") ORDER BY position LIMIT 10"),
      std::move(parameters));
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return absl::OkStatus();
  const std::string jobs =
      absl::StrJoin(*rows, ", ", [](std::string* out, const Row& row) { *out += "jobs/" + row.Text(0); });
  return absl::FailedPreconditionError(StrCat(what, " is needed by ", jobs, ": wait or cancel, then delete it"));
}

}  // namespace fintag::server
