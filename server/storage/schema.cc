#include "server/storage/schema.h"

#include "core/text/strings.h"

namespace fintag::server {
namespace {

// `position` counts up for ever (AUTOINCREMENT never gives a number again): the order of lists and their page tokens.
// `description` is JSON: what is only shown, never searched.
const Migration kFirst = {
    R"(CREATE TABLE datasets (
         position INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL UNIQUE,
         create_time_ms INTEGER NOT NULL,
         description TEXT NOT NULL
       ) STRICT)",
    // next_version: the number of a deleted version is not given again while its model is there.
    R"(CREATE TABLE models (
         position INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL UNIQUE,
         create_time_ms INTEGER NOT NULL,
         next_version INTEGER NOT NULL
       ) STRICT)",
    R"(CREATE TABLE model_versions (
         model TEXT NOT NULL REFERENCES models(id),
         version INTEGER NOT NULL,
         create_time_ms INTEGER NOT NULL,
         request_id TEXT NOT NULL,
         job TEXT NOT NULL,
         description TEXT NOT NULL,
         PRIMARY KEY (model, version)
       ) STRICT, WITHOUT ROWID)",
    "CREATE UNIQUE INDEX model_versions_by_request ON model_versions (model, request_id) WHERE request_id <> ''",
    "CREATE UNIQUE INDEX model_versions_by_job ON model_versions (job) WHERE job <> ''",
    // log_closed: the event log ends with the final state.
    R"(CREATE TABLE jobs (
         position INTEGER PRIMARY KEY AUTOINCREMENT,
         id TEXT NOT NULL UNIQUE,
         state TEXT NOT NULL,
         dataset TEXT NOT NULL,
         base TEXT NOT NULL,
         model TEXT NOT NULL,
         options TEXT NOT NULL,
         request_id TEXT NOT NULL,
         create_time_ms INTEGER NOT NULL,
         start_time_ms INTEGER NOT NULL,
         end_time_ms INTEGER NOT NULL,
         failure_reason TEXT NOT NULL,
         model_version TEXT NOT NULL,
         log_closed INTEGER NOT NULL
       ) STRICT)",
    "CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id <> ''",
    "CREATE INDEX jobs_by_state ON jobs (state)",
    "CREATE INDEX jobs_not_closed ON jobs (position) WHERE log_closed = 0",
};

const Migration kTraces = {
    "ALTER TABLE jobs ADD COLUMN trace_id TEXT NOT NULL DEFAULT ''",
};

// owner: the caller whom what is stored counts for; '' for whatever was stored before callers were known.
const Migration kOwners = {
    "ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE datasets ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE datasets ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE model_versions ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE model_versions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX datasets_by_owner ON datasets (owner, bytes)",
    "CREATE INDEX model_versions_by_owner ON model_versions (owner, bytes)",
};

}  // namespace

const std::vector<Migration>& Migrations() {
  static const auto* const migrations = new std::vector<Migration>{kFirst, kTraces, kOwners};
  return *migrations;
}

absl::Status UpdateSchema(Database& database, const std::vector<Migration>& migrations) {
  absl::StatusOr<std::vector<Row>> rows = database.Query("PRAGMA user_version");
  if (!rows.ok()) return rows.status();
  const int64_t seen = rows->at(0).Int(0);
  const auto known = static_cast<int64_t>(migrations.size());
  if (seen > known) {
    return absl::FailedPreconditionError(StrCat("the store has schema version ", seen, ", this program knows ", known,
                                                ": start the newer program that wrote it"));
  }
  for (int64_t next = seen; next < known; ++next) {
    absl::Status status = database.Transaction([&]() -> absl::Status {
      for (const std::string_view statement : migrations[next]) {
        if (absl::StatusOr<int64_t> done = database.Execute(statement); !done.ok()) return done.status();
      }
      return database.Execute(StrCat("PRAGMA user_version = ", next + 1)).status();
    });
    if (!status.ok()) {
      return absl::Status(status.code(),
                          StrCat("cannot bring the store to schema version ", next + 1, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace fintag::server
