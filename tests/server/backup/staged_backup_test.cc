#include "server/backup/staged_backup.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "core/training/sha256.h"
#include "tests/server/backup/stored_folder.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

std::string Archived(const StagedBackup& backup) {
  std::string bytes;
  const absl::Status written = backup.Write(1 << 20, [&](std::string_view piece) {
    EXPECT_LE(piece.size(), size_t{1} << 20);
    bytes += piece;
    return absl::OkStatus();
  });
  EXPECT_TRUE(written.ok()) << written;
  return bytes;
}

// Name and content, as libarchive reads them.
std::map<std::string, std::string> FilesOf(const std::string& bytes, std::vector<std::string>* order = nullptr) {
  std::map<std::string, std::string> files;
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(reader.get(), content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
    if (order != nullptr) order->push_back(archive_entry_pathname(entry));
    files[archive_entry_pathname(entry)] = content;
  }
  return files;
}

TEST(StagedBackup, HasWhatTheRowsNameAndNothingElse) {
  StoredFolder stored;
  std::vector<std::string> names;
  {
    const auto backup = StagedBackup::Create(*stored.database, stored.path()).value();
    EXPECT_EQ(backup->manifest().datasets, 1);
    EXPECT_EQ(backup->manifest().model_versions, 1);
    EXPECT_EQ(backup->manifest().jobs, 3);
    const auto files = FilesOf(Archived(*backup), &names);
    EXPECT_EQ(files.at("models/base/1/model.safetensors"), std::string(3 << 20, 'w'));
    EXPECT_EQ(files.at("jobs/running/checkpoint/model.safetensors"), "weights");
    for (const char* absent : {"models/base/1/precision.json", "jobs/running/trainer.pid", "jobs/running/job.json.tmp",
                               "models/.incoming/x/model.safetensors", "audit.log"}) {
      EXPECT_FALSE(files.contains(absent)) << absent;
    }
    EXPECT_THAT(files.at("SHA256SUMS"), HasSubstr(Sha256Hex("{}\n") + "  datasets/fin/train.jsonl\n"));
    EXPECT_EQ(static_cast<int64_t>(files.size()), backup->manifest().files + 2);
  }
  EXPECT_EQ(names.front(), "manifest.json");
  EXPECT_EQ(names.back(), "SHA256SUMS");
  EXPECT_TRUE(std::filesystem::is_empty(stored.path() / ".backup"));
}

TEST(StagedBackup, KeepsTheMomentWhateverHappensAfterIt) {
  StoredFolder stored;
  stored.Put("audit.log", "{\"a\": 1}\n{\"half");
  const auto backup = StagedBackup::Create(*stored.database, stored.path()).value();
  stored.Run("DELETE FROM datasets");
  std::filesystem::remove_all(stored.path() / "datasets/fin");
  std::filesystem::remove_all(stored.path() / "jobs/done");
  std::ofstream(stored.path() / "jobs/running/events.log", std::ios::app) << "third\n";
  std::ofstream(stored.path() / "audit.log", std::ios::app) << " done\": 2}\n";
  const auto files = FilesOf(Archived(*backup));
  EXPECT_EQ(files.at("datasets/fin/train.given"), "a O\n");
  EXPECT_EQ(files.at("jobs/done/events.log"), "first\nsecond\n");
  EXPECT_EQ(files.at("jobs/running/events.log"), "first\nsecond\n");
  EXPECT_EQ(files.at("audit.log"), "{\"a\": 1}\n");
  TemporaryFolder copy;
  WriteFile(copy.path() / "fintag.db", files.at("fintag.db"));
  EXPECT_EQ(Database::Open(copy.path() / "fintag.db").value()->Query("SELECT id FROM datasets")->size(), 1u);
}

TEST(StagedBackup, CutsALogInTheMiddleOfALongLine) {
  StoredFolder stored;
  const std::string whole = std::string(10000, 'x') + "\n";
  stored.Put("jobs/done/events.log", whole + std::string(9000, 'y'));
  stored.Put("jobs/running/events.log", std::string(9000, 'y'));
  const auto files = FilesOf(Archived(*StagedBackup::Create(*stored.database, stored.path()).value()));
  EXPECT_EQ(files.at("jobs/done/events.log"), whole);
  EXPECT_EQ(files.at("jobs/running/events.log"), "");
}

TEST(StagedBackup, IsOfOneCheckpointWhileItsTrainerReplacesIt) {
  StoredFolder stored;
  const std::filesystem::path job = stored.path() / "jobs/running";
  std::atomic<bool> stop = false;
  std::thread trainer([&] {
    for (int i = 0; !stop; ++i) {
      WriteFile(job / ".checkpoint.new/a", std::to_string(i));
      WriteFile(job / ".checkpoint.new/b", std::to_string(i));
      std::filesystem::rename(job / "checkpoint", job / ".checkpoint.old");
      std::filesystem::rename(job / ".checkpoint.new", job / "checkpoint");
      std::filesystem::remove_all(job / ".checkpoint.old");
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto backup = StagedBackup::Create(*stored.database, stored.path());
    ASSERT_TRUE(backup.ok()) << backup.status();
    const auto files = FilesOf(Archived(**backup));
    const bool has_one = files.contains("jobs/running/checkpoint/a");
    EXPECT_EQ(has_one, files.contains("jobs/running/checkpoint/b"));
    if (has_one) {
      EXPECT_EQ(files.at("jobs/running/checkpoint/a"), files.at("jobs/running/checkpoint/b"));
    }
  }
  stop = true;
  trainer.join();
}

TEST(StagedBackup, SaysWhichFilesAreGone) {
  StoredFolder stored;
  std::filesystem::remove_all(stored.path() / "models/base/1");
  const absl::Status status = StagedBackup::Create(*stored.database, stored.path()).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("delete models/base/1"));
  EXPECT_TRUE(std::filesystem::is_empty(stored.path() / ".backup"));
}

TEST(StagedBackup, EndsWithTheErrorOfWhoTakesIt) {
  StoredFolder stored;
  const auto backup = StagedBackup::Create(*stored.database, stored.path()).value();
  int pieces = 0;
  const absl::Status status = backup->Write(
      1 << 20, [&](std::string_view) { return ++pieces == 2 ? absl::CancelledError("gone") : absl::OkStatus(); });
  EXPECT_EQ(status, absl::CancelledError("gone"));
  EXPECT_EQ(pieces, 2);
}

TEST(StagedBackup, ClearRemovesWhatAKillLeft) {
  StoredFolder stored;
  stored.Put(".backup/abc/fintag.db", "half");
  ASSERT_TRUE(StagedBackup::Clear(stored.path()).ok());
  EXPECT_FALSE(std::filesystem::exists(stored.path() / ".backup"));
}

}  // namespace
}  // namespace fintag::server
