#include "server/serving/tag_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <random>
#include <stdexcept>

#include "tests/server/serving/fake_tagger.h"

namespace fintag::server {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::HasSubstr;
using SystemClock = std::chrono::system_clock;

class TagSchedulerTest : public ::testing::Test {
 protected:
  void Start(int64_t max_batch_tokens, int64_t max_queue_tokens = 1 << 20) {
    TagSchedulerOptions options;
    options.max_batch_tokens = max_batch_tokens;
    options.max_queue_tokens = max_queue_tokens;
    scheduler_ = TagScheduler::Start(std::make_shared<FakeTagger>(log_), options,
                                     {[this](const BatchReport& report) { reports_.push_back(report); },
                                      [this](const DroppedRequest& dropped) {
                                        std::lock_guard lock(log_.mutex);
                                        drops_.push_back(dropped);
                                      }});
  }

  absl::Status Run(
      std::vector<EncodedSentence>& sentences, SystemClock::time_point deadline = SystemClock::time_point::max(),
      const std::function<bool()>& cancelled = [] { return false; }) {
    return scheduler_->Run(sentences, deadline, cancelled, "trace");
  }

  // Runs one sentence in a thread of its own; returns once it is queued or in the model.
  std::future<absl::Status> RunAside(
      std::vector<EncodedSentence>& sentences, SystemClock::time_point deadline = SystemClock::time_point::max(),
      std::function<bool()> cancelled = [] { return false; }) {
    const int64_t before = scheduler_->queue_tokens();
    const size_t batches = log_.batch_count();
    std::future<absl::Status> status =
        std::async(std::launch::async, [this, &sentences, deadline, cancelled = std::move(cancelled)] {
          return scheduler_->Run(sentences, deadline, cancelled, "trace");
        });
    EXPECT_TRUE(Eventually([&] { return scheduler_->queue_tokens() != before || log_.batch_count() != batches; }));
    return status;
  }

  // Holds the model up with a request of one token, until the gate opens.
  void HoldUp() {
    log_.gate.Close();
    first_ = RunAside(first_sentences_);
    ASSERT_TRUE(Eventually([&] { return log_.gate.waiting() == 1; }));
    ASSERT_EQ(scheduler_->queue_tokens(), 0);
  }

  bool Saw(const std::vector<EncodedSentence>& sentences) {
    std::lock_guard lock(log_.mutex);
    for (const auto& batch : log_.batches) {
      for (const WindowRef& window : batch) {
        if (window.sentence == sentences.data()) return true;
      }
    }
    return false;
  }

  TaggerLog log_;
  std::vector<DroppedRequest> drops_;
  std::vector<BatchReport> reports_;  // of the model's thread; read once it ended
  std::vector<EncodedSentence> first_sentences_ = {MakeSentence(1, 1)};
  std::unique_ptr<TagScheduler> scheduler_;
  std::future<absl::Status> first_;
};

TEST_F(TagSchedulerTest, RunsEveryWindowOfManyCallersOnce) {
  constexpr int64_t kMaxBatch = 64;
  Start(kMaxBatch);
  std::vector<std::future<int64_t>> callers;
  for (int seed = 0; seed < 8; ++seed) {
    callers.push_back(std::async(std::launch::async, [&, seed] {
      std::mt19937 random(seed);
      int64_t tokens = 0;
      for (int round = 0; round < 50; ++round) {
        std::vector<EncodedSentence> sentences;
        for (int i = 1 + static_cast<int>(random() % 4); i > 0; --i) {
          sentences.push_back(MakeSentence(1 + static_cast<int>(random() % 5), 1 + static_cast<int>(random() % 80)));
          tokens += sentences.back().tokens;
        }
        EXPECT_TRUE(Run(sentences).ok());
        for (const EncodedSentence& sentence : sentences) EXPECT_THAT(sentence.logits, Each(1.0F));
      }
      return tokens;
    }));
  }
  int64_t tokens = 0;
  for (auto& caller : callers) tokens += caller.get();
  EXPECT_EQ(scheduler_->queue_tokens(), 0);
  scheduler_.reset();

  size_t waits = 0;
  for (const BatchReport& report : reports_) {
    EXPECT_TRUE(report.tokens <= kMaxBatch || report.windows == 1);
    tokens -= report.tokens;
    waits += report.queue_seconds.size();
  }
  EXPECT_EQ(tokens, 0);
  EXPECT_EQ(waits, 8U * 50U);
}

TEST_F(TagSchedulerTest, PacksWhatWaitsIntoOneBatch) {
  Start(100);
  HoldUp();
  std::vector<std::vector<EncodedSentence>> requests;
  for (int i = 0; i < 5; ++i) requests.push_back({MakeSentence(1, 20)});
  std::vector<std::future<absl::Status>> answers;
  answers.reserve(requests.size());
  for (auto& request : requests) answers.push_back(RunAside(request));
  EXPECT_EQ(scheduler_->queue_tokens(), 100);
  log_.gate.Open();
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  ASSERT_EQ(log_.batches.size(), 2U);
  EXPECT_EQ(log_.batches[1].size(), 5U);
}

TEST_F(TagSchedulerTest, LongDocumentGivesWayToShortTexts) {
  Start(10);
  HoldUp();
  std::vector<EncodedSentence> document = {MakeSentence(10, 10)};
  std::vector<EncodedSentence> text = {MakeSentence(1, 4)};
  std::vector<EncodedSentence> other = {MakeSentence(1, 4)};
  auto slow = RunAside(document);
  auto fast = RunAside(text);
  auto faster = RunAside(other);
  log_.gate.Open();
  EXPECT_TRUE(fast.get().ok() && faster.get().ok() && slow.get().ok());
  EXPECT_THAT(document[0].logits, Each(1.0F));
  // The document's first window, then both texts together, then the rest of the document.
  ASSERT_EQ(log_.batches.size(), 12U);
  ASSERT_EQ(log_.batches[2].size(), 2U);
  EXPECT_EQ(log_.batches[2][0].sentence, text.data());
  EXPECT_EQ(log_.batches[2][1].sentence, other.data());
}

TEST_F(TagSchedulerTest, FullQueueIsAnErrorUntilThereIsRoom) {
  Start(50, 100);
  HoldUp();
  std::vector<EncodedSentence> queued = {MakeSentence(2, 30)};
  auto answer = RunAside(queued);
  std::vector<EncodedSentence> refused = {MakeSentence(1, 41)};
  const absl::Status full = Run(refused);
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("60 of 100 tokens wait"));
  std::vector<EncodedSentence> fits = {MakeSentence(1, 40)};
  auto fitting = RunAside(fits);
  log_.gate.Open();
  EXPECT_TRUE(answer.get().ok() && fitting.get().ok() && Run(refused).ok());
}

TEST_F(TagSchedulerTest, RoomIsToldBeforeTheTokensAreCounted) {
  Start(50, 100);
  HoldUp();
  std::vector<EncodedSentence> queued = {MakeSentence(2, 30)};
  auto answer = RunAside(queued);
  EXPECT_TRUE(scheduler_->CheckRoom(40).ok());
  const absl::Status full = scheduler_->CheckRoom(41);
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("60 of 100 tokens wait, the request has at least 41"));
  EXPECT_TRUE(scheduler_->CheckRoom(101).ok());  // Run's answer is that it never fits
  log_.gate.Open();
  EXPECT_TRUE(answer.get().ok() && scheduler_->CheckRoom(100).ok());
}

TEST_F(TagSchedulerTest, RequestLargerThanTheQueueIsInvalid) {
  Start(50, 100);
  std::vector<EncodedSentence> huge = {MakeSentence(3, 34)};
  const absl::Status status = Run(huge);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("102 tokens"));
  EXPECT_EQ(log_.batch_count(), 0U);
}

TEST_F(TagSchedulerTest, DeadlineEndsTheWaitBeforeTheModelIsFree) {
  Start(50);
  HoldUp();
  std::vector<EncodedSentence> late = {MakeSentence(1, 20)};
  EXPECT_TRUE(absl::IsDeadlineExceeded(Run(late, SystemClock::now() + milliseconds(30))));
  EXPECT_EQ(log_.gate.waiting(), 1);  // still held up
  EXPECT_EQ(scheduler_->queue_tokens(), 0);
  log_.gate.Open();
  EXPECT_TRUE(first_.get().ok());
  EXPECT_FALSE(Saw(late));
}

TEST_F(TagSchedulerTest, PassedDeadlineCostsNoWork) {
  Start(50);
  std::vector<EncodedSentence> late = {MakeSentence(1, 20)};
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(Run(late, SystemClock::now() - milliseconds(1))));
  }
  EXPECT_EQ(log_.batch_count(), 0U);
}

TEST_F(TagSchedulerTest, CancelledRequestNeverReachesTheModel) {
  Start(50);
  HoldUp();
  std::atomic<bool> cancelled = false;
  std::vector<EncodedSentence> unwanted = {MakeSentence(1, 20)};
  std::vector<EncodedSentence> wanted = {MakeSentence(1, 20)};
  auto answer = RunAside(unwanted, SystemClock::time_point::max(), [&] { return cancelled.load(); });
  auto other = RunAside(wanted);
  cancelled = true;
  log_.gate.Open();
  EXPECT_TRUE(absl::IsCancelled(answer.get()));
  EXPECT_TRUE(other.get().ok());
  EXPECT_FALSE(Saw(unwanted));
}

TEST_F(TagSchedulerTest, CancelledDocumentStopsBetweenItsBatches) {
  Start(10);
  std::atomic<bool> cancelled = false;
  log_.fault = [&](std::span<const WindowRef>) {
    cancelled = true;
    return absl::OkStatus();
  };
  std::vector<EncodedSentence> document = {MakeSentence(10, 10)};
  EXPECT_TRUE(absl::IsCancelled(Run(document, SystemClock::time_point::max(), [&] { return cancelled.load(); })));
  EXPECT_EQ(log_.batch_count(), 1U);
}

TEST_F(TagSchedulerTest, BatchUnderWayIsWaitedForAfterTheDeadline) {
  Start(10);
  log_.gate.Close();
  std::vector<EncodedSentence> document = {MakeSentence(2, 10)};
  auto answer = RunAside(document, SystemClock::now() + milliseconds(30));
  EXPECT_EQ(answer.wait_for(milliseconds(100)), std::future_status::timeout);  // the model writes into the sentence
  log_.gate.Open();
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.get()));
  EXPECT_EQ(log_.batch_count(), 1U);
}

TEST_F(TagSchedulerTest, ErrorOfABatchReachesItsOwnersAlone) {
  Start(60);
  HoldUp();
  std::vector<EncodedSentence> document = {MakeSentence(6, 20)};
  std::vector<EncodedSentence> text = {MakeSentence(1, 20)};
  auto answer = RunAside(document);
  auto other = RunAside(text);
  log_.fault = [&](std::span<const WindowRef> windows) {
    return windows[0].sentence == document.data() ? absl::InternalError("out of order") : absl::OkStatus();
  };
  log_.gate.Open();
  EXPECT_EQ(answer.get(), absl::InternalError("out of order"));
  EXPECT_TRUE(other.get().ok());
  EXPECT_TRUE(first_.get().ok());
  EXPECT_EQ(scheduler_->queue_tokens(), 0);
}

TEST_F(TagSchedulerTest, ErrorReachesEveryOwnerOfItsBatch) {
  Start(100);
  HoldUp();
  std::vector<std::vector<EncodedSentence>> requests;
  for (int i = 0; i < 4; ++i) requests.push_back({MakeSentence(2, 10)});
  std::vector<std::future<absl::Status>> answers;
  answers.reserve(requests.size());
  for (auto& request : requests) answers.push_back(RunAside(request));
  log_.fault = [](std::span<const WindowRef> windows) {
    return windows.size() > 1 ? absl::ResourceExhaustedError("out of memory") : absl::OkStatus();
  };
  log_.gate.Open();
  for (auto& answer : answers) EXPECT_TRUE(absl::IsResourceExhausted(answer.get()));
}

TEST_F(TagSchedulerTest, ExceptionCostsTheBatchAndNotTheServer) {
  Start(100);
  log_.fault = [](std::span<const WindowRef>) -> absl::Status { throw std::runtime_error("broken kernel"); };
  std::vector<EncodedSentence> sentences = {MakeSentence(1, 10)};
  EXPECT_EQ(Run(sentences), absl::InternalError("the model failed: broken kernel"));
  log_.fault = [](std::span<const WindowRef>) -> absl::Status { throw std::bad_alloc(); };
  EXPECT_TRUE(absl::IsResourceExhausted(Run(sentences)));
  log_.fault = nullptr;
  EXPECT_TRUE(Run(sentences).ok());
}

TEST_F(TagSchedulerTest, NothingToDoIsDoneAtOnce) {
  Start(100);
  std::vector<EncodedSentence> none;
  EXPECT_TRUE(Run(none).ok());
  std::vector<EncodedSentence> empty = {EncodedSentence()};
  EXPECT_TRUE(Run(empty).ok());
  EXPECT_EQ(log_.batch_count(), 0U);
}

TEST_F(TagSchedulerTest, EndFinishesWhatIsQueued) {
  for (int round = 0; round < 20; ++round) {
    Start(10);
    HoldUp();
    std::vector<std::vector<EncodedSentence>> requests;
    for (int i = 0; i < 4; ++i) requests.push_back({MakeSentence(3, 10)});
    std::vector<std::future<absl::Status>> answers;
    answers.reserve(requests.size());
    for (auto& request : requests) answers.push_back(RunAside(request));
    auto end = std::async(std::launch::async, [this] { scheduler_.reset(); });
    log_.gate.Open();
    end.get();
    for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
    EXPECT_TRUE(first_.get().ok());
  }
}

TEST_F(TagSchedulerTest, TellsByTraceIdWhatIsDroppedAfterItCame) {
  Start(10, 100);
  HoldUp();
  std::vector<EncodedSentence> late = {MakeSentence(1, 5)};
  EXPECT_TRUE(absl::IsDeadlineExceeded(Run(late, SystemClock::now() + std::chrono::milliseconds(30))));
  std::vector<EncodedSentence> large = {MakeSentence(1, 101)};
  EXPECT_TRUE(absl::IsInvalidArgument(Run(large)));  // it never came in
  log_.gate.Open();
  EXPECT_TRUE(first_.get().ok());
  ASSERT_EQ(drops_.size(), 1U);
  EXPECT_EQ(drops_[0].trace_id, "trace");
  EXPECT_TRUE(absl::IsDeadlineExceeded(drops_[0].status));
  EXPECT_EQ(drops_[0].tokens, 5);
  EXPECT_GE(drops_[0].seconds, 0.03);
}

}  // namespace
}  // namespace fintag::server
