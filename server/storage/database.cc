#include "server/storage/database.h"

#include <sqlite3.h>

#include <mutex>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "core/text/strings.h"
#include "server/storage/disk_error.h"
#include "server/storage/schema.h"

namespace fintag::server {
namespace {

constexpr int kBusyMilliseconds = 2000;

absl::StatusCode CodeOf(int result) {
  switch (result) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return absl::StatusCode::kAlreadyExists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return absl::StatusCode::kFailedPrecondition;
    default:
      break;
  }
  switch (result & 0xff) {  // the primary code
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
      return absl::StatusCode::kUnavailable;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(std::filesystem::path file, sqlite3* connection) : file_(std::move(file)), connection_(connection) {}
  ~SqliteDatabase() override { sqlite3_close_v2(connection_); }

  absl::StatusOr<std::vector<Row>> Query(std::string_view sql, std::vector<Value> parameters) override {
    const std::scoped_lock lock(mutex_);
    return Run(sql, parameters);
  }

  absl::StatusOr<int64_t> Execute(std::string_view sql, std::vector<Value> parameters) override {
    const std::scoped_lock lock(mutex_);
    if (absl::StatusOr<std::vector<Row>> rows = Run(sql, parameters); !rows.ok()) return rows.status();
    return sqlite3_changes64(connection_);
  }

  absl::Status Transaction(const std::function<absl::Status()>& body) override {
    const std::scoped_lock lock(mutex_);
    if (in_transaction_) return absl::InternalError("a transaction within a transaction");
    if (absl::StatusOr<std::vector<Row>> begun = Run("BEGIN IMMEDIATE", {}); !begun.ok()) return begun.status();
    in_transaction_ = true;
    // Also where `body` throws for want of memory: what others write later would stand in this transaction, and be
    // lost.
    const absl::Cleanup end = [this] {
      in_transaction_ = false;
      // Some errors (a full disk) have rolled it back already.
      if (sqlite3_get_autocommit(connection_) == 0) sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
    };
    absl::Status status = body();
    if (status.ok()) status = Run("COMMIT", {}).status();
    return status;
  }

  absl::Status Snapshot(const std::filesystem::path& to, const std::function<absl::Status()>& then) override {
    const std::scoped_lock lock(mutex_);
    if (absl::StatusOr<std::vector<Row>> written = Run("VACUUM INTO ?", {to.string()}); !written.ok()) {
      return written.status();
    }
    return then();
  }

 private:
  absl::Status Error(int result) const {
    const absl::StatusCode code = CodeOf(result);
    std::string message = StrCat("store ", file_.string(), ": ", sqlite3_errmsg(connection_));
    if (code == absl::StatusCode::kDataLoss) {
      absl::StrAppend(&message,
                      "; restore the whole data folder from a backup, or move it away to start with an empty one");
    } else if (code == absl::StatusCode::kUnavailable && (result & 0xff) == SQLITE_BUSY) {
      absl::StrAppend(&message, "; another server uses this data folder");
    } else if ((result & 0xff) == SQLITE_FULL) {
      absl::StrAppend(&message, "; ", AbslView(kMakeRoom));
    } else if ((result & 0xff) == SQLITE_READONLY) {
      absl::StrAppend(&message, "; ", AbslView(kMakeWritable));
    } else if ((result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN) {
      const absl::Status disk = DiskError(sqlite3_system_errno(connection_), message);
      if (absl::IsUnavailable(disk) || absl::IsResourceExhausted(disk)) return disk;
    }
    return absl::Status(code, message);
  }

  absl::StatusOr<std::vector<Row>> Run(std::string_view sql, const std::vector<Value>& parameters) {
    sqlite3_stmt* prepared = nullptr;
    if (const int result =
            sqlite3_prepare_v2(connection_, sql.data(), static_cast<int>(sql.size()), &prepared, nullptr);
        result != SQLITE_OK) {
      return Error(result);
    }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (const int result = Bind(prepared, static_cast<int>(i) + 1, parameters[i]); result != SQLITE_OK) {
        return Error(result);
      }
    }
    std::vector<Row> rows;
    while (true) {
      const int result = sqlite3_step(prepared);
      if (result == SQLITE_DONE) return rows;
      if (result != SQLITE_ROW) return Error(sqlite3_extended_errcode(connection_));
      rows.push_back(ReadRow(prepared));
    }
  }

  // `parameters` outlives the statement, so text need not be copied.
  static int Bind(sqlite3_stmt* statement, int index, const Value& value) {
    if (const auto* integer = std::get_if<int64_t>(&value)) return sqlite3_bind_int64(statement, index, *integer);
    if (const auto* real = std::get_if<double>(&value)) return sqlite3_bind_double(statement, index, *real);
    if (const auto* text = std::get_if<std::string>(&value)) {
      return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    return sqlite3_bind_null(statement, index);
  }

  static Row ReadRow(sqlite3_stmt* statement) {
    std::vector<Value> values;
    const int columns = sqlite3_column_count(statement);
    values.reserve(columns);
    for (int column = 0; column < columns; ++column) {
      switch (sqlite3_column_type(statement, column)) {
        case SQLITE_INTEGER:
          values.emplace_back(int64_t{sqlite3_column_int64(statement, column)});
          break;
        case SQLITE_FLOAT:
          values.emplace_back(sqlite3_column_double(statement, column));
          break;
        case SQLITE_NULL:
          values.emplace_back(nullptr);
          break;
        default: {
          const auto* text = static_cast<const char*>(sqlite3_column_blob(statement, column));
          values.emplace_back(text == nullptr
                                  ? std::string()
                                  : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column))));
        }
      }
    }
    return Row(std::move(values));
  }

  const std::filesystem::path file_;
  // Recursive: a transaction holds it over its body, whose statements take it again.
  std::recursive_mutex mutex_;
  sqlite3* const connection_;
  bool in_transaction_ = false;
};

}  // namespace

int64_t Row::Int(int column) const {
  const auto* integer = std::get_if<int64_t>(&values_.at(column));
  return integer == nullptr ? 0 : *integer;
}

double Row::Double(int column) const {
  const Value& value = values_.at(column);
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&value);
  return real == nullptr ? 0 : *real;
}

const std::string& Row::Text(int column) const {
  static const auto* const empty = new std::string;
  const auto* text = std::get_if<std::string>(&values_.at(column));
  return text == nullptr ? *empty : *text;
}

bool Row::IsNull(int column) const { return std::holds_alternative<std::nullptr_t>(values_.at(column)); }

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::filesystem::path& file) {
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (connection == nullptr) return absl::ResourceExhaustedError("no memory to open the store");
  auto database = std::make_unique<SqliteDatabase>(file, connection);
  if (result != SQLITE_OK) {
    return absl::Status(CodeOf(result),
                        StrCat("cannot open the store ", file.string(), ": ", sqlite3_errmsg(connection)));
  }
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, kBusyMilliseconds);
  // Exclusive: one server a data folder. Set before the first access, so that there is no shared-memory file either.
  for (const std::string_view setting : {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
                                         "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"}) {
    if (absl::StatusOr<std::vector<Row>> rows = database->Query(setting, {}); !rows.ok()) return rows.status();
  }
  absl::StatusOr<std::vector<Row>> check = database->Query("PRAGMA quick_check(1)", {});
  if (!check.ok()) return check.status();
  if (check->empty() || check->front().Text(0) != "ok") {
    return absl::DataLossError(StrCat("store ", file.string(),
                                      " is damaged: ", check->empty() ? "no answer" : check->front().Text(0),
                                      "; restore the whole data folder from a backup, or move it away to start "
                                      "with an empty one"));
  }
  if (absl::Status updated = UpdateSchema(*database, Migrations()); !updated.ok()) {
    return absl::Status(updated.code(), StrCat(updated.message(), " (", file.string(), ")"));
  }
  return database;
}

}  // namespace fintag::server
