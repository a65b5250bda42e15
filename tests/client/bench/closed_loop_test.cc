#include "client/bench/closed_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/bench/measured_server.h"

namespace fintag::bench {
namespace {

// Calls take 20 ms, but for the one that goes ahead not before so many have come: on a slow machine too, all callers
// are under way at once.
class Gathering {
 public:
  explicit Gathering(int32_t callers) : callers_(callers) {}
  grpc::Status operator()(int64_t number) {
    if (number > 1) {
      absl::MutexLock lock(&mutex_);
      ++come_;
      const auto all_here = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return come_ >= callers_; };
      mutex_.AwaitWithTimeout(absl::Condition(&all_here), absl::Seconds(20));
    }
    absl::SleepFor(absl::Milliseconds(20));
    return grpc::Status::OK;
  }

 private:
  const int32_t callers_;
  absl::Mutex mutex_;
  int32_t come_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(ClosedLoop, HasAsManyRequestsUnderWayAsClients) {
  for (const int32_t clients : {1, 5, 24}) {
    Gathering gathering(clients);
    const MeasuredServer server([&](int64_t number) { return gathering(number); });
    Options options = server.OptionsFor();
    options.clients = clients;
    options.requests = 8 * clients;
    const Report report = RunToEnd(options);
    const Calls calls = server.tagging.calls();
    EXPECT_EQ(calls.most, clients);
    EXPECT_EQ(report.requests, 8 * clients);
    // One goes ahead, and the others' last ones are not counted.
    EXPECT_GE(calls.calls, 8 * clients + 1);
    EXPECT_LE(calls.calls, 8 * clients + clients);
    ASSERT_TRUE(report.latency_ms.has_value());
    EXPECT_GE(report.latency_ms->min, 20);
    EXPECT_NEAR(report.requests_per_second, static_cast<double>(report.requests) / report.seconds, 1e-6);
    EXPECT_LE(report.requests_per_second, clients * 50);
  }
}

TEST(ClosedLoop, MeasuresForTheDurationAfterTheWarmUp) {
  const MeasuredServer server(After(absl::Milliseconds(10)));
  Options options = server.OptionsFor();
  options.clients = 4;
  options.texts = 3;
  options.warm_up = absl::Milliseconds(300);
  options.duration = absl::Milliseconds(600);
  const Report report = RunToEnd(options);
  EXPECT_DOUBLE_EQ(report.seconds, 0.6);
  EXPECT_GT(report.requests, 0);
  EXPECT_LT(report.requests, server.tagging.calls().calls);
  EXPECT_EQ(report.texts, 3 * report.requests);
  EXPECT_GT(report.bytes, 40 * report.texts);
  EXPECT_FALSE(report.interrupted);
  EXPECT_FALSE(report.sending.has_value());
}

TEST(ClosedLoop, UsesAsManyConnectionsAsAskedFor) {
  const MeasuredServer server(After(absl::Milliseconds(5)));
  Options options = server.OptionsFor();
  options.clients = 12;
  options.requests = 60;
  options.connections = 4;
  RunToEnd(options);
  EXPECT_EQ(server.tagging.calls().peers.size(), 4u);
}

TEST(ClosedLoop, HoldsFiveHundredClients) {
  const MeasuredServer server(After(absl::Milliseconds(1)));
  Options options = server.OptionsFor();
  options.clients = 512;
  options.requests = 2000;
  const Report report = RunToEnd(options);
  EXPECT_EQ(report.requests, 2000);
  EXPECT_EQ(server.tagging.calls().peers.size(), 64u);
}

TEST(ClosedLoop, CountsErrorsByCodeAndKeepsTheirLatenciesApart) {
  const MeasuredServer server([](int64_t number) {
    if (number % 3 == 0) return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
    if (number % 3 == 1 && number > 1) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "wrong");
    absl::SleepFor(absl::Milliseconds(30));
    return grpc::Status::OK;
  });
  Options options = server.OptionsFor();
  options.clients = 3;
  options.requests = 30;
  const Report report = RunToEnd(options);
  ASSERT_EQ(report.errors.size(), 2u);
  const int64_t failed = report.errors.at("RESOURCE_EXHAUSTED") + report.errors.at("INVALID_ARGUMENT");
  EXPECT_GT(report.errors.at("RESOURCE_EXHAUSTED"), 0);
  EXPECT_EQ(report.requests + failed, 30);
  ASSERT_TRUE(report.latency_ms.has_value() && report.error_latency_ms.has_value());
  EXPECT_GE(report.latency_ms->min, 30);
  EXPECT_LT(report.error_latency_ms->min, 30);
}

TEST(ClosedLoop, EndsARequestAtItsDeadline) {
  const MeasuredServer server([](int64_t number) {
    absl::SleepFor(number > 1 ? absl::Milliseconds(400) : absl::ZeroDuration());
    return grpc::Status::OK;
  });
  Options options = server.OptionsFor();
  options.clients = 2;
  options.requests = 4;
  options.timeout = absl::Milliseconds(200);
  const Report report = RunToEnd(options);
  EXPECT_EQ(report.requests, 0);
  EXPECT_THAT(report.errors, testing::ElementsAre(testing::Pair("DEADLINE_EXCEEDED", 4)));
  EXPECT_FALSE(report.latency_ms.has_value());
}

TEST(ClosedLoop, DoesNotFloodAServerThatRefusesAtOnce) {
  const MeasuredServer server([](int64_t) { return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full"); });
  Options options = server.OptionsFor();
  options.clients = 2;
  options.duration = absl::Milliseconds(500);
  RunToEnd(options);
  EXPECT_LE(server.tagging.calls().calls, 1 + 2 * 6);
}

}  // namespace
}  // namespace fintag::bench
