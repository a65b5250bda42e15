#include "core/training/job_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/training/event_log.h"
#include "core/training/sha256.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

class JobRunTest : public TrainingTest {
 protected:
  JobRunTest() {
    std::filesystem::create_directories(job());
    WriteFile(job() / "train.jsonl", WriteJsonLines(train_));
    WriteFile(job() / "validation.jsonl", WriteJsonLines(validation_));
    spec_.job = "jobs/test";
    spec_.base = base();
    spec_.train = "train.jsonl";
    spec_.validation = "validation.jsonl";
    spec_.options = options_;
  }

  std::filesystem::path job() const { return folder_.path() / "job"; }

  absl::Status RunIt() {
    WriteFile(job() / "job.json", JobSpecJson(spec_));
    return RunJob(job(), stop_);
  }

  std::vector<Event> Events() {
    std::vector<Event> events;
    EXPECT_TRUE(EventLogReader::Open(job() / "events.log")->ReadNew(events).ok());
    return events;
  }

  JobSpec spec_;
};

TEST_F(JobRunTest, TellsTheWholeStory) {
  const absl::Status status = RunIt();
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<Event> events = Events();
  ASSERT_GE(events.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<TrainingStart>(events.front().what));
  EXPECT_TRUE(std::holds_alternative<TrainingProgress>(events[1].what));
  ASSERT_TRUE(std::holds_alternative<TrainingFinished>(events.back().what));
  EXPECT_FALSE(std::get<TrainingFinished>(events.back().what).cancelled);
  int epochs = 0;
  for (size_t i = 1; i < events.size(); ++i) {
    if (!std::holds_alternative<EpochResult>(events[i].what)) continue;
    EXPECT_EQ(std::get<EpochResult>(events[i].what).epoch, ++epochs);
    ASSERT_TRUE(std::holds_alternative<TrainingProgress>(events[i - 1].what));
    EXPECT_EQ(std::get<TrainingProgress>(events[i - 1].what).epoch_fraction, 1) << "the last step is always told";
  }
  EXPECT_EQ(epochs, 2);
  EXPECT_TRUE(std::filesystem::exists(job() / "checkpoint" / "model.safetensors"));
  EXPECT_THAT(ReadFile(job() / "checkpoint" / "fintag.json"), HasSubstr(Sha256Hex(WriteJsonLines(train_))));
}

TEST_F(JobRunTest, RecordsTheHashOfTheUploadWhereItIsGiven) {
  spec_.train_sha256 = "0123456789abcdef";
  ASSERT_TRUE(RunIt().ok());
  const std::string record = ReadFile(job() / "checkpoint" / "fintag.json");
  EXPECT_THAT(record, HasSubstr("\"train_sha256\": \"0123456789abcdef\""));
  EXPECT_THAT(record, HasSubstr(Sha256Hex(WriteJsonLines(validation_))));
}

TEST_F(JobRunTest, GoesOnBehindTheServersEvents) {
  {
    const auto writer = EventLogWriter::Open(job() / "events.log");
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Append({.what = StateChanged{"QUEUED", "", ""}}).ok());
    ASSERT_TRUE((*writer)->Append({.what = StateChanged{"RUNNING", "", ""}}).ok());
  }
  spec_.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  ASSERT_TRUE(RunIt().ok());
  EXPECT_TRUE(std::holds_alternative<TrainingStart>(Events()[2].what));
  for (size_t i = 2; i < Events().size(); ++i) EXPECT_EQ(Events()[i].trace_id, spec_.trace_id) << i;
}

TEST_F(JobRunTest, FailureHasEveryErrorOfBothCorpora) {
  WriteFile(job() / "train.jsonl", "a O\nb B-\nc X-ORG\n");
  WriteFile(job() / "validation.jsonl", "d Z-LOC\n");
  spec_.train_name = "mine.txt";
  const absl::Status status = RunIt();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const std::vector<Event> events = Events();
  ASSERT_EQ(events.size(), 1u);
  const auto& failed = std::get<TrainingFailed>(events[0].what);
  EXPECT_EQ(failed.code, "INVALID_ARGUMENT");
  EXPECT_THAT(failed.reason, HasSubstr("mine.txt:2: "));
  EXPECT_THAT(failed.reason, HasSubstr("mine.txt:3: "));
  EXPECT_THAT(failed.reason, HasSubstr("validation.jsonl:1: "));
}

TEST_F(JobRunTest, FailureOfTheSpecificationIsInTheLog) {
  spec_.options.epochs = 0;
  spec_.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_FALSE(RunIt().ok());
  EXPECT_THAT(std::get<TrainingFailed>(Events().back().what).reason, HasSubstr("epochs"));
}

TEST_F(JobRunTest, MissingFilesAreInTheLog) {
  spec_.train = "elsewhere.jsonl";
  EXPECT_EQ(RunIt().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::get<TrainingFailed>(Events().back().what).code, "NOT_FOUND");
}

TEST_F(JobRunTest, CancelledIsNotAFailure) {
  stop_ = true;
  const absl::Status status = RunIt();
  EXPECT_TRUE(status.ok()) << status;
  const TrainingFinished finished = std::get<TrainingFinished>(Events().back().what);
  EXPECT_TRUE(finished.cancelled);
  EXPECT_EQ(finished.kept_epoch, 0);
}

TEST_F(JobRunTest, OneTrainerAFolder) {
  auto lock = JobFolderLock::Acquire(job());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_EQ(RunIt().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Events().empty()) << "the log belongs to the other";
  lock->reset();
  EXPECT_TRUE(RunIt().ok());
}

}  // namespace
}  // namespace fintag
