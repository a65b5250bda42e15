// SQLite, opened for a service that must not lose what it acknowledged: write-ahead mode, full synchronisation, foreign
// keys, one connection behind a mutex. Statements are short; whoever needs several calls together takes a transaction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag::server {

using Value = std::variant<std::nullptr_t, int64_t, double, std::string>;

// A result row.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  int64_t Int(int column) const;              // 0 for NULL
  double Double(int column) const;            // 0 for NULL
  const std::string& Text(int column) const;  // "" for NULL
  bool IsNull(int column) const;

 private:
  std::vector<Value> values_;
};

class Database {
 public:
  // Opens or creates the file and brings its schema up to date (schema.h). FAILED_PRECONDITION for a store of a newer
  // program, DATA_LOSS for a damaged one, and what the disk says otherwise.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::filesystem::path& file);
  virtual ~Database() = default;

  // One statement with its parameters. ALREADY_EXISTS for a broken UNIQUE or PRIMARY KEY, FAILED_PRECONDITION for a
  // foreign key, RESOURCE_EXHAUSTED for a full disk.
  virtual absl::StatusOr<std::vector<Row>> Query(std::string_view sql, std::vector<Value> parameters = {}) = 0;
  // The same without a result; returns the number of changed rows.
  virtual absl::StatusOr<int64_t> Execute(std::string_view sql, std::vector<Value> parameters = {}) = 0;
  // Runs `body` in one immediate transaction, rolled back if it fails or throws. `body` uses this database; not nested.
  virtual absl::Status Transaction(const std::function<absl::Status()>& body) = 0;
  // Writes the store as it is now to the new file `to`, whole and synced, and runs `then` before anything can change.
  // Errors as of the others, DATA_LOSS where what is read is damaged; `to` may then be there in part.
  virtual absl::Status Snapshot(const std::filesystem::path& to, const std::function<absl::Status()>& then) = 0;
};

// Page of a list, newest first. A page token is the last row's key in the list's order, checked on its way back.
struct PageRequest {
  int32_t page_size = 50;  // 1 to 1,000
  std::string page_token;  // empty for the first page
};

}  // namespace fintag::server
