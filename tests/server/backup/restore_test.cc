#include "server/backup/restore.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/training/sha256.h"
#include "server/backup/staged_backup.h"
#include "server/storage/folder_lock.h"
#include "tests/server/backup/stored_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Entry {
  std::string name;
  std::string content;
  int type = AE_IFREG;
};

class RestoreTest : public testing::Test {
 protected:
  fs::path file() const { return work_.path() / "backup.tar"; }
  fs::path target() const { return work_.path() / "data"; }

  // A backup of `stored_`.
  void Back() {
    const auto backup = StagedBackup::Create(*stored_.database, stored_.path()).value();
    std::string bytes;
    ASSERT_TRUE(backup
                    ->Write(1 << 20,
                            [&](std::string_view piece) {
                              bytes += piece;
                              return absl::OkStatus();
                            })
                    .ok());
    WriteFile(file(), bytes);
  }

  // An archive of these files, with the right manifest and checksums around them.
  void Write(const std::vector<Entry>& files, Manifest manifest, std::vector<Entry> behind = {}) {
    std::string sums;
    for (const Entry& entry : files) {
      manifest.files++;
      manifest.files_bytes += std::ssize(entry.content);
      sums += Sha256Hex(entry.content) + "  " + entry.name + "\n";
    }
    std::vector<Entry> all = {{kManifestName, ManifestJson(manifest)}};
    all.insert(all.end(), files.begin(), files.end());
    all.push_back({kChecksumsName, sums});
    all.insert(all.end(), behind.begin(), behind.end());
    archive* writer = archive_write_new();
    archive_write_set_format_pax_restricted(writer);
    archive_write_open_filename(writer, file().c_str());
    for (const Entry& given : all) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, given.name.c_str());
      archive_entry_set_perm(entry, 0644);
      archive_entry_set_filetype(entry, given.type == AE_IFLNK || given.type == AE_IFDIR ? given.type : AE_IFREG);
      if (given.type == AE_IFLNK) archive_entry_set_symlink(entry, given.content.c_str());
      if (given.type == 0) archive_entry_set_hardlink(entry, given.content.c_str());
      const bool plain = given.type == AE_IFREG;
      archive_entry_set_size(entry, plain ? std::ssize(given.content) : 0);
      archive_write_header(writer, entry);
      if (plain) archive_write_data(writer, given.content.data(), given.content.size());
      archive_entry_free(entry);
    }
    archive_write_close(writer);
    archive_write_free(writer);
  }

  Manifest Known() const {
    Manifest manifest;
    manifest.program_version = "9.9";
    manifest.schema_version = 1;
    return manifest;
  }

  void ExpectRefused(absl::StatusCode code, const std::string& why) {
    const absl::Status status = Restore(file(), target()).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(why));
    EXPECT_FALSE(fs::exists(target()));
    EXPECT_FALSE(fs::exists(work_.path() / "escaped"));
  }

  StoredFolder stored_;
  TemporaryFolder work_;
};

TEST_F(RestoreTest, GivesBackWhatWasBackedUp) {
  stored_.Put("audit.log", "{}\n");
  Back();
  const auto restored = Restore(file(), target());
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(Describe(*restored), HasSubstr("1 dataset, 1 model version and 3 jobs as of 20"));
  for (const char* name : {"datasets/fin/train.jsonl", "models/base/1/model.safetensors", "jobs/done/events.log",
                           "jobs/running/checkpoint/model.safetensors", "audit.log"}) {
    EXPECT_EQ(FileText(target() / name), FileText(stored_.path() / name)) << name;
  }
  EXPECT_FALSE(fs::exists(target() / kRestoringFolder));
  EXPECT_FALSE(fs::exists(target() / "jobs/running/trainer.pid"));
  // Who had a trainer learns that it is gone.
  EXPECT_TRUE(fs::exists(target() / "jobs/running/restored"));
  EXPECT_FALSE(fs::exists(target() / "jobs/waiting/restored"));
  EXPECT_FALSE(fs::exists(target() / "jobs/done/restored"));
  const auto store = Database::Open(target() / "fintag.db").value();
  EXPECT_EQ(store->Query("SELECT id FROM jobs WHERE state = 'RUNNING'").value()[0].Text(0), "running");
}

TEST_F(RestoreTest, LeavesNothingOfACutArchive) {
  Back();
  const std::string bytes = FileText(file());
  for (const size_t size : {size_t{0}, size_t{100}, size_t{5000}, bytes.size() / 2, bytes.size() - 3000}) {
    WriteFile(file(), bytes.substr(0, size));
    ExpectRefused(absl::StatusCode::kDataLoss, "");
  }
}

TEST_F(RestoreTest, LeavesNothingOfADamagedArchive) {
  Back();
  std::string bytes = FileText(file());
  bytes[bytes.find(std::string(100000, 'w')) + 5000] ^= 1;
  WriteFile(file(), bytes);
  ExpectRefused(absl::StatusCode::kDataLoss, "models/base/1/model.safetensors has a wrong checksum");
}

TEST_F(RestoreTest, RefusesWhatNoBackupHas) {
  const std::string outside = (work_.path() / "escaped").string();
  for (const std::string& name :
       {std::string("../escaped"), outside, std::string("datasets/../../escaped"),
        std::string("datasets/a/../../../escaped"), std::string("models/.incoming/x"), std::string("fintagd.lock"),
        std::string("datasets//x"), std::string("jobs/a"), std::string("datasets/a/b\nc"), std::string("other/a/b")}) {
    Write({{name, "x"}}, Known());
    ExpectRefused(absl::StatusCode::kDataLoss, "no backup of ours");
  }
  Write({{"datasets/a/link", outside, AE_IFLNK}}, Known());
  ExpectRefused(absl::StatusCode::kDataLoss, "no plain file");
  Write({{"datasets/a/link", "/etc/passwd", 0}}, Known());
  ExpectRefused(absl::StatusCode::kDataLoss, "no plain file");
  Write({{"datasets/a/folder", "", AE_IFDIR}}, Known());
  ExpectRefused(absl::StatusCode::kDataLoss, "no plain file");
  Write({{"datasets/a/b", "x"}, {"datasets/a/b", "y"}}, Known());
  ExpectRefused(absl::StatusCode::kDataLoss, "comes twice");
  Write({{"datasets/a/b", "x"}}, Known(), {{"datasets/a/c", "y"}});
  ExpectRefused(absl::StatusCode::kDataLoss, "behind its end");
  Manifest fewer = Known();
  fewer.files = -1;
  Write({{"datasets/a/b", "x"}}, fewer);
  ExpectRefused(absl::StatusCode::kDataLoss, "more than its manifest says");
  Write({{"fintag.db", "no store"}}, Known());
  ExpectRefused(absl::StatusCode::kDataLoss, "fintag.db");
}

TEST_F(RestoreTest, RefusesWhatANewerProgramMade) {
  Manifest newer = Known();
  newer.format = kArchiveFormat + 1;
  Write({}, newer);
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "fintagd 9.9 or newer");
  newer = Known();
  newer.schema_version = 1000;
  Write({}, newer);
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "schema version 1000");
}

TEST_F(RestoreTest, LooksForRoomFirst) {
  Manifest large = Known();
  large.files_bytes = int64_t{1} << 50;
  Write({}, large);
  ExpectRefused(absl::StatusCode::kResourceExhausted, "larger disk");
}

TEST_F(RestoreTest, LeavesAFolderInUseAlone) {
  Back();
  WriteFile(target() / "something", "of somebody's");
  absl::Status status = Restore(file(), target()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(FileText(target() / "something"), "of somebody's");
  fs::remove(target() / "something");
  {
    FolderLock server;
    ASSERT_TRUE(server.Take(target()).ok());
    status = Restore(file(), target()).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.ToString(), HasSubstr("another fintagd"));
  }
  fs::create_directory(target() / "lost+found");
  EXPECT_TRUE(Restore(file(), target()).ok());
}

TEST_F(RestoreTest, BeginsAgainWhereOneWasInterrupted) {
  Back();
  WriteFile(target() / kRestoringFolder / "fintag.db", "half");
  WriteFile(target() / "datasets/old/x", "moved already");
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckRestored(target())));
  ASSERT_TRUE(Restore(file(), target()).ok());
  EXPECT_TRUE(CheckRestored(target()).ok());
  EXPECT_FALSE(fs::exists(target() / "datasets/old"));
}

TEST_F(RestoreTest, KeepsABackupThatLiesInTheFolder) {
  Back();
  WriteFile(target() / kRestoringFolder / "fintag.db", "half");
  fs::rename(file(), target() / "backup.tar");
  const absl::Status status = Restore(target() / "backup.tar", target()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("move the backup out of it"));
  EXPECT_TRUE(fs::exists(target() / "backup.tar"));
}

TEST_F(RestoreTest, SaysWhereThereIsNoArchive) { ExpectRefused(absl::StatusCode::kNotFound, "backup.tar"); }

}  // namespace
}  // namespace fintag::server
