#include "server/jobs/job_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "server/jobs/job_id.h"
#include "server/storage/limit_error.h"
#include "server/storage/resource_name.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using enum JobState;

class JobStoreTest : public testing::Test {
 protected:
  JobStoreTest() {
    Reopen();
    Run("INSERT INTO datasets (id, create_time_ms, description) VALUES ('fin', 0, '{}')");
    Run("INSERT INTO models (id, create_time_ms, next_version) VALUES ('base', 0, 2)");
    Run("INSERT INTO model_versions (model, version, create_time_ms, request_id, job, description) "
        "VALUES ('base', 1, 0, '', '', '{}')");
  }

  void Reopen() {
    store_.reset();
    database_.reset();
    database_ = Database::Open(folder_.path() / "fintag.db").value();
    store_ = std::make_unique<JobStore>(*database_);
  }

  void Run(std::string_view sql) {
    const absl::Status status = database_->Execute(sql).status();
    ASSERT_TRUE(status.ok()) << status;
  }

  static Job Specification(const std::string& request_id = "") {
    Job job;
    job.dataset = "datasets/fin";
    job.base = "models/base/versions/1";
    job.model = "models/fin";
    job.request_id = request_id;
    job.trace_id = "trace-" + request_id;
    job.owner = "ann";
    return job;
  }

  Job Insert(const std::string& request_id = "") {
    bool created = false;
    absl::StatusOr<Job> job = store_->Insert(Specification(request_id), created);
    EXPECT_TRUE(job.ok()) << job.status();
    EXPECT_TRUE(created);
    return *std::move(job);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<JobStore> store_;
};

TEST_F(JobStoreTest, KeepsEveryFieldOverARestart) {
  Job job = Specification("r1");
  job.options.epochs = 7;
  job.options.learning_rate = 1.0 / 3;
  job.options.dropout = 0.25;
  job.options.seed = ~uint64_t{0};
  job.options.keep = KeepCheckpoint::kLast;
  job.options.device = "cuda";
  job.options.precision = "bf16";
  bool created = false;
  const Job inserted = store_->Insert(job, created).value();
  Reopen();
  const Job read = store_->Get(inserted.id).value();
  EXPECT_EQ(read.state, kQueued);
  EXPECT_EQ(read.dataset, job.dataset);
  EXPECT_EQ(read.base, job.base);
  EXPECT_EQ(read.model, job.model);
  EXPECT_EQ(read.request_id, "r1");
  EXPECT_EQ(read.trace_id, "trace-r1");
  EXPECT_EQ(read.owner, "ann");
  EXPECT_EQ(read.options.epochs, 7);
  EXPECT_EQ(read.options.learning_rate, 1.0 / 3);
  EXPECT_EQ(read.options.dropout, 0.25);
  EXPECT_EQ(read.options.seed, ~uint64_t{0});
  EXPECT_EQ(read.options.keep, KeepCheckpoint::kLast);
  EXPECT_EQ(read.options.device, "cuda");
  EXPECT_EQ(read.options.precision, "bf16");
  EXPECT_EQ(read.create_time_ms, inserted.create_time_ms);
  EXPECT_EQ(read.start_time_ms, 0);
}

TEST_F(JobStoreTest, AnOwnerHasSoManyJobsThatHaveNotEnded) {
  JobStore store(*database_, 2);
  bool created = false;
  const Job first = store.Insert(Specification("1"), created).value();
  ASSERT_TRUE(store.Insert(Specification("2"), created).ok());
  const absl::Status refused = store.Insert(Specification("3"), created).status();
  EXPECT_EQ(LimitOf(refused), "max-caller-jobs");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ann has 2 jobs that wait or run"));
  EXPECT_FALSE(created);
  EXPECT_EQ(store.Insert(Specification("1"), created)->id, first.id);  // a retry makes none
  Job others = Specification("4");
  others.owner = "bob";
  EXPECT_TRUE(store.Insert(others, created).ok());
  ASSERT_TRUE(store.Move(first.id, kCancelled).ok());
  EXPECT_TRUE(store.Insert(Specification("3"), created).ok());
}

TEST_F(JobStoreTest, MakesIdsThatAreResourceIds) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(IsResourceId(NewJobId()));
  EXPECT_TRUE(IsResourceId(Insert().id));
}

TEST_F(JobStoreTest, ARequestIsDoneOnce) {
  const Job first = Insert("r1");
  bool created = true;
  const absl::StatusOr<Job> again = store_->Insert(Specification("r1"), created);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(created);
  EXPECT_EQ(again->id, first.id);
  Job other = Specification("r1");
  other.options.epochs = 9;
  const absl::Status refused = store_->Insert(other, created).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr(first.id));
  // Even when what it needs is gone since.
  Run("DELETE FROM datasets");
  EXPECT_EQ(store_->Insert(Specification("r1"), created)->id, first.id);
}

TEST_F(JobStoreTest, RefusesJobsWhoseDatasetOrBaseIsNotThere) {
  const auto status_of = [&](const std::function<void(Job&)>& change) {
    Job job = Specification();
    change(job);
    bool created = true;
    const absl::Status status = store_->Insert(job, created).status();
    EXPECT_FALSE(created);
    return status;
  };
  EXPECT_TRUE(absl::IsNotFound(status_of([](Job& job) { job.dataset = "datasets/other"; })));
  EXPECT_TRUE(absl::IsNotFound(status_of([](Job& job) { job.base = "models/base/versions/2"; })));
  EXPECT_TRUE(absl::IsInvalidArgument(status_of([](Job& job) { job.base = "models/base"; })));
  EXPECT_TRUE(absl::IsInvalidArgument(status_of([](Job& job) { job.model = "models/x/versions/1"; })));
  EXPECT_TRUE(absl::IsInvalidArgument(status_of([](Job& job) { job.dataset = "fin"; })));
  EXPECT_THAT(store_->Ids().value(), IsEmpty());
}

TEST_F(JobStoreTest, MovesAlongTheLifeCycleAlone) {
  const Job job = Insert();
  const absl::Status early = store_->Move(job.id, kSucceeded).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(early)) << early;
  EXPECT_THAT(early.ToString(), HasSubstr("QUEUED"));
  EXPECT_GT(store_->Move(job.id, kValidating)->start_time_ms, 0);
  ASSERT_TRUE(store_->Move(job.id, kRunning).ok());
  ASSERT_TRUE(store_->Move(job.id, kSucceeded, "", "models/fin/versions/1").ok());
  const Job done = store_->Get(job.id).value();
  EXPECT_EQ(done.state, kSucceeded);
  EXPECT_GE(done.end_time_ms, done.start_time_ms);
  EXPECT_EQ(done.model_version, "models/fin/versions/1");
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Move(job.id, kFailed).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Move("nobody", kFailed).status()));
  const Job failing = Insert();
  ASSERT_TRUE(store_->Move(failing.id, kValidating).ok());
  ASSERT_TRUE(store_->Move(failing.id, kFailed, "bad tag on line 12").ok());
  EXPECT_EQ(store_->Get(failing.id)->failure_reason, "bad tag on line 12");
}

TEST_F(JobStoreTest, KnowsWhatIsLeftToDo) {
  const Job waiting = Insert();
  const Job ended = Insert();
  const Job closed = Insert();
  const Job running = Insert();
  ASSERT_TRUE(store_->Move(running.id, kValidating).ok());
  for (const Job& job : {ended, closed}) ASSERT_TRUE(store_->Move(job.id, kCancelled).ok());
  ASSERT_TRUE(store_->CloseLog(closed.id).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->CloseLog(waiting.id)));
  EXPECT_TRUE(absl::IsNotFound(store_->CloseLog("nobody")));
  EXPECT_FALSE(store_->LogIsClosed(ended.id).value());
  EXPECT_TRUE(store_->LogIsClosed(closed.id).value());
  EXPECT_TRUE(absl::IsNotFound(store_->LogIsClosed("nobody").status()));
  Reopen();
  const std::vector<Job> working = store_->Running().value();
  ASSERT_THAT(working, SizeIs(1));
  EXPECT_EQ(working[0].id, running.id);
  const std::vector<Job> open = store_->NotClosed().value();
  ASSERT_THAT(open, SizeIs(3));
  EXPECT_EQ(open[0].id, waiting.id);
  EXPECT_EQ(open[1].id, ended.id);
  EXPECT_EQ(open[2].id, running.id);
  EXPECT_LT(open[0].position, open[1].position);
  EXPECT_FALSE(open[1].log_closed);
  EXPECT_TRUE(store_->Get(closed.id)->log_closed);
  EXPECT_THAT(store_->CountByState().value(),
              UnorderedElementsAre(Pair(kQueued, 1), Pair(kValidating, 1), Pair(kCancelled, 2)));
}

TEST_F(JobStoreTest, ARowThatCannotBeReadHoldsUpNoOther) {
  const Job first = Insert();
  const Job damaged = Insert();
  const Job last = Insert();
  Run("UPDATE jobs SET options = '{' WHERE id = '" + damaged.id + "'");
  std::map<std::string, absl::Status> unreadable;
  const std::vector<Job> open = store_->NotClosed(&unreadable).value();
  ASSERT_THAT(open, SizeIs(2));
  EXPECT_EQ(open[0].id, first.id);
  EXPECT_EQ(open[1].id, last.id);
  ASSERT_THAT(unreadable, SizeIs(1));
  EXPECT_TRUE(absl::IsDataLoss(unreadable[damaged.id]));
}

TEST_F(JobStoreTest, ListsByPagesNewestFirst) {
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) expected.insert(expected.begin(), Insert().id);
  std::vector<std::string> ids;
  PageRequest page{2, ""};
  do {
    std::string next;
    const std::vector<Job> jobs = store_->List(page, next).value();
    for (const Job& job : jobs) ids.push_back(job.id);
    page.page_token = next;
  } while (!page.page_token.empty());
  EXPECT_EQ(ids, expected);
}

TEST_F(JobStoreTest, DeletesFinalJobsOnly) {
  const Job job = Insert("r1");
  const absl::Status refused = store_->Delete(job.id);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  ASSERT_TRUE(store_->Move(job.id, kCancelled).ok());
  EXPECT_TRUE(store_->Delete(job.id).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->Get(job.id).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Delete(job.id)));
}

TEST_F(JobStoreTest, TimesStayInOrderThoughTheClockWasSetBack) {
  const Job job = Insert();
  Run("UPDATE jobs SET create_time_ms = 9000000000000");
  EXPECT_EQ(store_->Move(job.id, kValidating)->start_time_ms, 9000000000000);
  EXPECT_EQ(store_->Move(job.id, kFailed, "why")->end_time_ms, 9000000000000);
}

}  // namespace
}  // namespace fintag::server
