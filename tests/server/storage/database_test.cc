#include "server/storage/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "server/storage/schema.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() { Reopen(); }

  void Reopen() {
    database_.reset();
    absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(file());
    ASSERT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
  }

  void Run(std::string_view sql, std::vector<Value> parameters = {}) {
    const absl::Status status = database_->Execute(sql, std::move(parameters)).status();
    ASSERT_TRUE(status.ok()) << status;
  }

  int64_t Count() { return database_->Query("SELECT COUNT(*) FROM t").value()[0].Int(0); }

  std::filesystem::path file() const { return folder_.path() / "fintag.db"; }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, GivesBackEveryKindOfValueAfterReopening) {
  Run("CREATE TABLE t (a, b, c, d)");
  const std::string text("nul \0 and \xf0\x9f\x92\xb6", 14);
  Run("INSERT INTO t VALUES (?, ?, ?, ?)", {int64_t{-1} << 62, 0.1, text, nullptr});
  Reopen();
  const std::vector<Row> rows = database_->Query("SELECT a, b, c, d FROM t WHERE c = ?", {text}).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].Int(0), int64_t{-1} << 62);
  EXPECT_EQ(rows[0].Double(1), 0.1);
  EXPECT_EQ(rows[0].Text(2), text);
  EXPECT_TRUE(rows[0].IsNull(3));
  EXPECT_EQ(rows[0].Int(3), 0);
  EXPECT_EQ(rows[0].Text(3), "");
}

TEST_F(DatabaseTest, IsInWriteAheadModeWithFullSynchronisationAndForeignKeys) {
  EXPECT_EQ(database_->Query("PRAGMA journal_mode").value()[0].Text(0), "wal");
  EXPECT_EQ(database_->Query("PRAGMA synchronous").value()[0].Int(0), 2);
  EXPECT_EQ(database_->Query("PRAGMA foreign_keys").value()[0].Int(0), 1);
}

TEST_F(DatabaseTest, ATransactionThatThrowsIsRolledBackAndHoldsUpNoOther) {
  Run("CREATE TABLE t (a)");
  EXPECT_THROW(database_
                   ->Transaction([&]() -> absl::Status {
                     Run("INSERT INTO t VALUES (1)");
                     throw std::bad_alloc();
                   })
                   .IgnoreError(),
               std::bad_alloc);
  Run("INSERT INTO t VALUES (2), (3)");
  EXPECT_TRUE(database_->Transaction([&] { return database_->Execute("INSERT INTO t VALUES (4)").status(); }).ok());
  Reopen();
  EXPECT_EQ(Count(), 3);
}

TEST_F(DatabaseTest, CountsChangedRows) {
  Run("CREATE TABLE t (a)");
  EXPECT_EQ(database_->Execute("INSERT INTO t VALUES (1), (2), (3)").value(), 3);
  EXPECT_EQ(database_->Execute("UPDATE t SET a = 0 WHERE a > ?", {int64_t{1}}).value(), 2);
  EXPECT_EQ(database_->Execute("DELETE FROM t WHERE a = 9").value(), 0);
}

TEST_F(DatabaseTest, NamesBrokenConstraintsByTheirStatus) {
  Run("CREATE TABLE parent (id TEXT PRIMARY KEY)");
  Run("CREATE TABLE t (a TEXT REFERENCES parent(id), b INTEGER UNIQUE)");
  Run("INSERT INTO parent VALUES ('x')");
  Run("INSERT INTO t VALUES ('x', 1)");
  EXPECT_TRUE(absl::IsAlreadyExists(database_->Execute("INSERT INTO parent VALUES ('x')").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(database_->Execute("INSERT INTO t VALUES ('x', 1)").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(database_->Execute("INSERT INTO t VALUES ('y', 2)").status()));
  EXPECT_TRUE(absl::IsInternal(database_->Execute("SELEKT").status()));
}

TEST_F(DatabaseTest, SaysWhenThereIsNoRoomLeft) {
  Run("CREATE TABLE t (a)");
  const int64_t pages = database_->Query("PRAGMA page_count").value()[0].Int(0);
  ASSERT_TRUE(database_->Query("PRAGMA max_page_count = " + std::to_string(pages + 1)).ok());
  const absl::Status full = database_->Execute("INSERT INTO t VALUES (?)", {std::string(100000, 'x')}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(Count(), 0);
}

TEST_F(DatabaseTest, TransactionHappensWhollyOrNotAtAll) {
  Run("CREATE TABLE t (a UNIQUE)");
  EXPECT_TRUE(database_
                  ->Transaction([&]() -> absl::Status {
                    Run("INSERT INTO t VALUES (1)");
                    Run("INSERT INTO t VALUES (2)");
                    return absl::OkStatus();
                  })
                  .ok());
  const absl::Status failed = database_->Transaction([&]() -> absl::Status {
    Run("INSERT INTO t VALUES (3)");
    return database_->Execute("INSERT INTO t VALUES (2)").status();
  });
  EXPECT_TRUE(absl::IsAlreadyExists(failed));
  EXPECT_EQ(Count(), 2);
  EXPECT_TRUE(absl::IsInternal(
      database_->Transaction([&] { return database_->Transaction([] { return absl::OkStatus(); }); })));
  Run("INSERT INTO t VALUES (4)");  // neither left a transaction open
  Reopen();
  EXPECT_EQ(Count(), 3);
}

TEST_F(DatabaseTest, TransactionsOfManyThreadsDoNotMix) {
  Run("CREATE TABLE t (a)");
  Run("INSERT INTO t VALUES (0)");
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        const absl::Status status = database_->Transaction([&]() -> absl::Status {
          const int64_t value = database_->Query("SELECT a FROM t").value()[0].Int(0);
          return database_->Execute("UPDATE t SET a = ?", {value + 1}).status();
        });
        if (!status.ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(database_->Query("SELECT a FROM t").value()[0].Int(0), 200);
}

TEST_F(DatabaseTest, RefusesASecondServerOnTheSameFolder) {
  const absl::Status second = Database::Open(file()).status();
  EXPECT_TRUE(absl::IsUnavailable(second)) << second;
  EXPECT_THAT(second.ToString(), HasSubstr("another server uses this data folder"));
}

TEST_F(DatabaseTest, RefusesTheStoreOfANewerProgram) {
  const int64_t known = database_->Query("PRAGMA user_version").value()[0].Int(0);
  EXPECT_EQ(known, static_cast<int64_t>(Migrations().size()));
  Run("PRAGMA user_version = " + std::to_string(known + 1));
  database_.reset();
  const absl::Status refused = Database::Open(file()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("newer program"));
}

TEST_F(DatabaseTest, SaysWhatToDoAboutADamagedStore) {
  Run("CREATE TABLE t (a)");
  for (int i = 0; i < 200; ++i) Run("INSERT INTO t VALUES (?)", {std::string(500, 'x')});
  database_.reset();
  std::string bytes = FileText(file());
  ASSERT_GT(bytes.size(), 20000u);
  bytes.replace(8192, bytes.size() - 8192, bytes.size() - 8192, '\x5a');
  WriteFile(file(), bytes);
  const absl::Status damaged = Database::Open(file()).status();
  EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
  EXPECT_THAT(damaged.ToString(), HasSubstr("from a backup"));
  WriteFile(file(), "this is a letter to my aunt, and no database at all; " + std::string(4096, '.'));
  EXPECT_TRUE(absl::IsDataLoss(Database::Open(file()).status()));
}

TEST_F(DatabaseTest, SaysWhereItCannotOpenAFile) {
  const absl::Status status = Database::Open(folder_.path() / "no" / "such" / "folder.db").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("folder.db"));
}

TEST_F(DatabaseTest, MigratesAnOlderStoreAndKeepsWhatIsInIt) {
  std::vector<Migration> migrations = Migrations();
  Run("INSERT INTO datasets (id, create_time_ms, description) VALUES ('fin', 7, '{}')");
  migrations.push_back({"ALTER TABLE datasets ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
                        "UPDATE datasets SET note = 'old' WHERE create_time_ms < 10"});
  ASSERT_TRUE(UpdateSchema(*database_, migrations).ok());
  ASSERT_TRUE(UpdateSchema(*database_, migrations).ok());  // nothing left to do
  const std::vector<Row> rows = database_->Query("SELECT id, note FROM datasets").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].Text(0), "fin");
  EXPECT_EQ(rows[0].Text(1), "old");
  EXPECT_EQ(database_->Query("PRAGMA user_version").value()[0].Int(0), static_cast<int64_t>(migrations.size()));
}

TEST(Schema, EveryOlderStoreBecomesANewOne) {
  for (size_t seen = 1; seen < Migrations().size(); ++seen) {
    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "fintag.db";
    {
      // Database::Open would bring it up to date at once.
      sqlite3* old = nullptr;
      ASSERT_EQ(sqlite3_open(file.c_str(), &old), SQLITE_OK);
      std::string sql;
      for (size_t i = 0; i < seen; ++i) {
        for (const std::string_view statement : Migrations()[i]) sql += std::string(statement) + ";";
      }
      sql += "PRAGMA user_version = " + std::to_string(seen) + ";";
      sql +=
          "INSERT INTO jobs (id, state, dataset, base, model, options, request_id, create_time_ms, start_time_ms, "
          "end_time_ms, failure_reason, model_version, log_closed) "
          "VALUES ('old', 'SUCCEEDED', '', '', '', '{}', '', 1, 2, 3, '', '', 1)";
      ASSERT_EQ(sqlite3_exec(old, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(old);
      sqlite3_close(old);
    }
    const auto database = Database::Open(file);
    ASSERT_TRUE(database.ok()) << database.status();
    const std::vector<Row> rows = (*database)->Query("SELECT id, trace_id FROM jobs").value();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].Text(0), "old");
    EXPECT_EQ(rows[0].Text(1), "");
  }
}

TEST_F(DatabaseTest, MigrationThatFailsLeavesTheStoreAsItWas) {
  std::vector<Migration> migrations = Migrations();
  migrations.push_back({"ALTER TABLE datasets ADD COLUMN note TEXT", "INSERT INTO nowhere VALUES (1)"});
  EXPECT_FALSE(UpdateSchema(*database_, migrations).ok());
  EXPECT_FALSE(database_->Query("SELECT note FROM datasets").ok());
  EXPECT_EQ(database_->Query("PRAGMA user_version").value()[0].Int(0), static_cast<int64_t>(Migrations().size()));
}

}  // namespace
}  // namespace fintag::server
