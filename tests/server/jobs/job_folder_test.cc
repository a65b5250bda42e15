#include "server/jobs/job_folder.h"

#include <gtest/gtest.h>

#include "core/training/training_record.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

TEST(JobFolder, GivesTheEndOfWhatTheTrainerPrinted) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path());
  EXPECT_EQ(folder.OutputTail(), "");
  WriteFile(folder.path() / "trainer.out", "  \n\n");
  EXPECT_EQ(folder.OutputTail(), "");
  WriteFile(folder.path() / "trainer.out", "one\ntwo\x1b[0m\n");
  EXPECT_EQ(folder.OutputTail(), "one\ntwo?[0m");
  std::string lines;
  for (int i = 1; i <= 30; ++i) lines += "line " + std::to_string(i) + "\n";
  WriteFile(folder.path() / "trainer.out", lines);
  EXPECT_EQ(folder.OutputTail().substr(0, 8), "line 21\n");
  WriteFile(folder.path() / "trainer.out", lines + std::string(100000, 'x') + "\nlast");
  EXPECT_EQ(folder.OutputTail(), "last");
  WriteFile(folder.path() / "trainer.out", std::string(100000, 'x'));
  EXPECT_EQ(folder.OutputTail(), std::string(2000, 'x'));
}

TEST(JobFolder, LinksTheCheckpointSoThatItOutlivesTheJob) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path() / "job");
  const fs::path to = temporary.path() / "to";
  fs::create_directory(to);
  EXPECT_FALSE(folder.LinkCheckpoint(to).ok());  // there is none
  WriteFile(folder.checkpoint() / "config.json", "{}");
  WriteFile(folder.checkpoint() / "model.safetensors", "weights");
  ASSERT_TRUE(folder.LinkCheckpoint(to).ok());
  EXPECT_EQ(fs::hard_link_count(to / "model.safetensors"), 2u);
  folder.RemoveCheckpoint();
  EXPECT_FALSE(fs::exists(folder.checkpoint()));
  EXPECT_EQ(FileText(to / "model.safetensors"), "weights");
}

TEST(JobFolder, RemovesWhatWasHalfWrittenAndKeepsTheCheckpoint) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path() / "job");
  WriteFile(folder.checkpoint() / "config.json", "{}");
  WriteFile(folder.path() / "job.json", "{}");
  WriteFile(folder.path() / "job.json.tmp", "{");
  WriteFile(folder.path() / ".scratch-17", "");
  WriteFile(folder.path() / ".checkpoint.new" / "config.json", "{");
  folder.RemoveHalfWritten();
  EXPECT_EQ(FileText(folder.checkpoint() / "config.json"), "{}");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
  // Killed between the two renames that some file systems need.
  fs::rename(folder.checkpoint(), folder.path() / ".checkpoint.old");
  folder.RemoveHalfWritten();
  EXPECT_EQ(FileText(folder.checkpoint() / "config.json"), "{}");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST(JobFolder, TakesNoLinksOverAndMakesFilesReadable) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path() / "job");
  const fs::path to = temporary.path() / "to";
  fs::create_directory(to);
  WriteFile(folder.checkpoint() / "config.json", "{}");
  fs::permissions(folder.checkpoint() / "config.json", fs::perms::owner_read | fs::perms::owner_write);
  WriteFile(temporary.path() / "secret", "hush");
  fs::create_symlink(temporary.path() / "secret", folder.checkpoint() / "vocab.txt");
  ASSERT_TRUE(folder.LinkCheckpoint(to).ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(to / "vocab.txt")));
  EXPECT_EQ(fs::status(to / "config.json").permissions(), fs::perms(0644));
}

TEST(JobFolder, ReadsFromTheCheckpointWhichEpochItHolds) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path());
  EXPECT_FALSE(folder.RecordedEpoch()->has_value());
  TrainingRecord record;
  for (int number = 1; number <= 3; ++number) {
    EpochResult epoch;
    epoch.epoch = number;
    epoch.scores.micro.f1 = 0.1 * number;
    epoch.unseen.f1 = 0.01 * number;
    record.result.epochs.push_back(epoch);
  }
  record.result.kept_epoch = 2;
  const std::string text = TrainingRecordJson(record);
  WriteFile(folder.checkpoint() / "fintag.json", text);
  ASSERT_TRUE(folder.RecordedEpoch()->has_value());
  EXPECT_EQ((*folder.RecordedEpoch())->epoch, 2);
  EXPECT_EQ((*folder.RecordedEpoch())->scores.micro.f1, 0.2);
  EXPECT_EQ((*folder.RecordedEpoch())->unseen.f1, 0.02);
  for (const std::string& other : {std::string("{}"), std::string("[1]"), text.substr(0, text.size() / 2)}) {
    WriteFile(folder.checkpoint() / "fintag.json", other);
    EXPECT_FALSE(folder.RecordedEpoch()->has_value()) << other;
  }
}

TEST(JobFolder, KnowsWhetherATrainerWasStarted) {
  const TemporaryFolder temporary;
  const JobFolder folder(temporary.path());
  EXPECT_FALSE(folder.TrainerWasStarted());
  WriteFile(folder.path() / "trainer.pid", "");
  EXPECT_FALSE(folder.TrainerWasStarted());
  WriteFile(folder.path() / "trainer.pid", "12\n");
  EXPECT_TRUE(folder.TrainerWasStarted());
}

}  // namespace
}  // namespace fintag::server
