#include "server/storage/stored_bytes.h"

namespace fintag::server {

absl::StatusOr<int64_t> StoredBytes(Database& database, const std::string& owner) {
  absl::StatusOr<std::vector<Row>> rows = database.Query(
      "SELECT (SELECT COALESCE(SUM(bytes), 0) FROM datasets WHERE owner = ?1) + "
      "(SELECT COALESCE(SUM(bytes), 0) FROM model_versions WHERE owner = ?1)",
      {owner});
  if (!rows.ok()) return rows.status();
  return rows->front().Int(0);
}

}  // namespace fintag::server
