// Where a watcher's events come from.
#include "server/jobs/job_watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JobWatchesTest : public ::testing::Test {
 protected:
  std::unique_ptr<JobWatch> Add(int64_t after = 0, bool closed = false) {
    return watches_->Add("job", log_, closed, after, [this] { ++news_; });
  }

  // Into the log alone.
  Event Append(const std::string& state = "RUNNING") {
    EXPECT_TRUE(writer_->Append({.what = StateChanged{state, "", ""}}).ok());
    return {.sequence = writer_->last_sequence(), .what = StateChanged{state, "", ""}};
  }

  static std::vector<int64_t> Take(JobWatch& watch) {
    std::vector<int64_t> taken;
    while (true) {
      const absl::StatusOr<std::shared_ptr<const Event>> event = watch.Next();
      EXPECT_TRUE(event.ok()) << event.status();
      if (!event.ok() || *event == nullptr) return taken;
      taken.push_back((*event)->sequence);
    }
  }

  TemporaryFolder folder_;
  const std::filesystem::path log_ = folder_.path() / "events.log";
  const std::unique_ptr<EventLogWriter> writer_ = *EventLogWriter::Open(log_);
  const std::shared_ptr<JobWatches> watches_ = std::make_shared<JobWatches>();
  int news_ = 0;
};

TEST_F(JobWatchesTest, OneThatHasCaughtUpNeedsNoFile) {
  Append();
  const std::unique_ptr<JobWatch> watch = Add();
  EXPECT_THAT(Take(*watch), ElementsAre(1));
  const Event second = Append();
  EXPECT_THAT(Take(*watch), IsEmpty()) << "it looked before there was news";
  std::filesystem::resize_file(log_, 0);
  watches_->OnEvent("job", second);
  EXPECT_EQ(news_, 1);
  EXPECT_THAT(Take(*watch), ElementsAre(2));
  watches_->OnEvent("another", second);
  EXPECT_EQ(news_, 1);
}

TEST_F(JobWatchesTest, OneThatIsPassedByReadsTheFile) {
  const std::unique_ptr<JobWatch> watch = Add();
  EXPECT_THAT(Take(*watch), IsEmpty());
  std::vector<int64_t> all;
  for (int64_t sequence = 1; sequence <= 1000; ++sequence) {
    watches_->OnEvent("job", Append());
    all.push_back(sequence);
  }
  EXPECT_EQ(Take(*watch), all);
  watches_->OnEvent("job", Append());
  EXPECT_THAT(Take(*watch), ElementsAre(1001));
  EXPECT_THAT(Take(*Add(998)), ElementsAre(999, 1000, 1001));
}

TEST_F(JobWatchesTest, ItLooksIntoTheLogWhenTheRowWasLookedAt) {
  const std::unique_ptr<JobWatch> watch = Add();
  EXPECT_THAT(Take(*watch), IsEmpty());
  Append();
  watches_->OnRow("job", false);
  EXPECT_EQ(news_, 1);
  EXPECT_THAT(Take(*watch), ElementsAre(1));
  watches_->OnRow("job", absl::InternalError("the database does not answer"));
  EXPECT_THAT(Take(*watch), IsEmpty());
  EXPECT_FALSE(watch->ended());
  Append();
  watches_->OnRow("job", true);
  EXPECT_THAT(Take(*watch), ElementsAre(2));
  EXPECT_TRUE(watch->ended());
}

TEST_F(JobWatchesTest, ItEndsWithTheFinalEventOrTheRow) {
  Append();
  Append("CANCELLED");
  const std::unique_ptr<JobWatch> watch = Add();
  EXPECT_THAT(Take(*watch), ElementsAre(1, 2));
  EXPECT_TRUE(watch->ended());
  const std::unique_ptr<JobWatch> after = Add(2);
  EXPECT_THAT(Take(*after), IsEmpty());
  EXPECT_TRUE(after->ended());
  EXPECT_TRUE(absl::IsOutOfRange(Add(3)->Next().status()));

  std::filesystem::resize_file(log_, 0);
  EXPECT_THAT(Take(*Add(0, /*closed=*/true)), IsEmpty());
  const std::unique_ptr<JobWatch> deleted = Add();
  EXPECT_THAT(Take(*deleted), IsEmpty());
  watches_->OnRow("job", absl::NotFoundError("gone"));
  EXPECT_TRUE(absl::IsNotFound(deleted->Next().status()));
}

TEST_F(JobWatchesTest, NobodyIsTheOneWhoLeft) {
  Add().reset();
  EXPECT_THAT(watches_->ids(), IsEmpty());
  watches_->OnEvent("job", Append());
  watches_->OnRow("job", false);
  EXPECT_EQ(news_, 0);
  const std::unique_ptr<JobWatch> one = Add();
  Add().reset();
  EXPECT_THAT(watches_->ids(), ElementsAre("job"));
}

}  // namespace
}  // namespace fintag::server
