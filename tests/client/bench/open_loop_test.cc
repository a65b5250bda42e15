#include "client/bench/open_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/bench/texts.h"
#include "tests/client/bench/measured_server.h"

namespace fintag::bench {
namespace {

// The `number`th call takes 200 ms, and all that come meanwhile wait for it.
class Stall {
 public:
  explicit Stall(int64_t number) : number_(number) {}
  grpc::Status operator()(int64_t number) {
    absl::MutexLock lock(&mutex_);
    if (number == number_) absl::SleepFor(absl::Milliseconds(200));
    return grpc::Status::OK;
  }

 private:
  const int64_t number_;
  absl::Mutex mutex_;
};

TEST(OpenLoop, ShowsAStallInAllThatFellDueDuringIt) {
  Stall stall(50);
  const MeasuredServer server([&](int64_t number) { return stall(number); });
  Options options = server.OptionsFor();
  options.requests = 400;
  options.rate = 400;
  const Report open = RunToEnd(options);
  ASSERT_EQ(open.requests, 400);
  EXPECT_GE(open.latency_ms->max, 199);
  // Some 80 of the 400 fell due in those 200 ms; a tenth of them in its first 20 ms.
  EXPECT_GE(open.latency_ms->p99, 150);
  EXPECT_GE(open.latency_ms->p90, 50);
}

TEST(OpenLoop, FindsWhatAClosedLoopHides) {
  Stall stall(50);
  const MeasuredServer server([&](int64_t number) { return stall(number); });
  Options options = server.OptionsFor();
  options.requests = 400;
  options.clients = 1;
  const Report closed = RunToEnd(options);
  EXPECT_GE(closed.latency_ms->max, 199);
  EXPECT_LT(closed.latency_ms->p99, 150);  // one request of the 400
}

// The request itself may be sent late: here because the machine, not the server, stood still.
TEST(OpenLoop, CountsALatencyFromTheMomentTheRequestWasDue) {
  const MeasuredServer server(After(absl::ZeroDuration()));
  Options options = server.OptionsFor();
  options.rate = 100;
  options.requests = 20;
  Target target = *Target::Open(options);
  RequestSet requests(options, BuiltInTexts());
  Recorder recorder(20);
  const Clock::time_point start = Clock::now() - std::chrono::seconds(5);
  OpenLoop loop(Bench{options, {start, start, Clock::time_point::max()}, target, requests, recorder});
  loop.Start();
  ASSERT_TRUE(loop.WaitUntilDone(absl::Seconds(30)));
  const std::vector<double> latencies = recorder.Take().latencies;
  ASSERT_EQ(latencies.size(), 20u);
  for (const double latency : latencies) EXPECT_GE(latency, 4000);  // milliseconds
  EXPECT_GE(loop.sending().largest_delay, std::chrono::seconds(4));
}

TEST(OpenLoop, SendsAtTheRateAskedForWhateverTheServerDoes) {
  const MeasuredServer server(After(absl::Milliseconds(100)));
  Options options = server.OptionsFor();
  options.rate = 100;
  options.warm_up = absl::Milliseconds(200);
  options.duration = absl::Seconds(1);
  const Report report = RunToEnd(options);
  ASSERT_TRUE(report.sending.has_value());
  // Four standard deviations of a Poisson count.
  EXPECT_NEAR(static_cast<double>(report.sending->sent), 100, 40);
  EXPECT_NEAR(report.sending->sent_per_second, 100, 40);
  EXPECT_EQ(report.requests, report.sending->sent);  // all are waited for
  EXPECT_GE(report.seconds, 1);
  EXPECT_GE(server.tagging.calls().calls, report.requests + 1);
  EXPECT_GT(server.tagging.calls().most, 1);
}

TEST(OpenLoop, CountsWhatItDoesNotSendBeyondTheMostOutstanding) {
  const MeasuredServer server(After(absl::Milliseconds(200)));
  Options options = server.OptionsFor();
  options.rate = 200;
  options.requests = 60;
  options.max_outstanding = 3;
  const Report report = RunToEnd(options);
  EXPECT_LE(server.tagging.calls().most, 3);
  EXPECT_GT(report.sending->not_sent, 0);
  EXPECT_EQ(report.sending->sent + report.sending->not_sent, 60);
  EXPECT_EQ(report.requests, report.sending->sent);
}

}  // namespace
}  // namespace fintag::bench
