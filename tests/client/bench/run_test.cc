#include "client/bench/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "client/bench/texts.h"
#include "client/client.h"
#include "tests/client/bench/measured_server.h"

namespace fintag::bench {
namespace {

absl::StatusOr<Report> RunUntil(const Options& options, const absl::Notification& stop) {
  return Run(options, BuiltInTexts(), stop, [](const Progress&) {});
}

TEST(Run, IsOverAtOnceIfTheFirstRequestCannotSucceed) {
  const absl::Notification never;
  const MeasuredServer server([](int64_t) { return client::Detailed(grpc::StatusCode::NOT_FOUND, "no models/x"); });
  EXPECT_TRUE(absl::IsNotFound(RunUntil(server.OptionsFor(), never).status()));
  EXPECT_EQ(server.tagging.calls().calls, 1);

  Options nowhere = server.OptionsFor();
  nowhere.server = "localhost:1";
  EXPECT_TRUE(client::IsConnectionTrouble(RunUntil(nowhere, never).status()));
  nowhere.server = "localhost";
  EXPECT_TRUE(absl::IsInvalidArgument(RunUntil(nowhere, never).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(bench::Run(server.OptionsFor(), {}, never, [](const Progress&) {}).status()));
}

TEST(Run, GoesOnIfTheServerIsOnlyBusyAtFirst) {
  const absl::Notification never;
  const MeasuredServer server([](int64_t number) {
    return number == 1 ? client::Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "full") : grpc::Status::OK;
  });
  Options options = server.OptionsFor();
  options.requests = 20;
  const absl::StatusOr<Report> report = RunUntil(options, never);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->requests, 20);
}

TEST(Run, ReportsWhatWasMeasuredUntilItIsStopped) {
  for (const bool open : {false, true}) {
    // The last ones would take half a minute.
    const MeasuredServer server([](int64_t number) {
      absl::SleepFor(number < 40 ? absl::Milliseconds(1) : absl::Milliseconds(700));
      return grpc::Status::OK;
    });
    Options options = server.OptionsFor();
    if (open) options.rate = 200;
    options.duration = absl::Hours(1);
    absl::Notification stop;
    std::thread stopper([&] {
      const absl::Time deadline = absl::Now() + absl::Seconds(20);
      while (server.tagging.calls().calls < 45 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(10));
      stop.Notify();
    });
    const absl::Time start = absl::Now();
    const absl::StatusOr<Report> report = RunUntil(options, stop);
    stopper.join();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->interrupted);
    EXPECT_GT(report->requests, 0);
    EXPECT_TRUE(report->errors.empty());  // what was cancelled is no error of the server
    EXPECT_GT(report->seconds, 0);
    EXPECT_LT(report->seconds, absl::ToDoubleSeconds(absl::Now() - start));
  }
}

TEST(Run, StoppedBeforeItMeasuresReportsNothing) {
  const MeasuredServer server(After(absl::ZeroDuration()));
  Options options = server.OptionsFor();
  options.warm_up = absl::Hours(1);
  absl::Notification stop;
  std::thread stopper([&stop] {
    absl::SleepFor(absl::Milliseconds(300));
    stop.Notify();
  });
  const absl::StatusOr<Report> report = RunUntil(options, stop);
  stopper.join();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->interrupted);
  EXPECT_EQ(report->requests, 0);
  EXPECT_EQ(report->seconds, 0);
}

TEST(Run, TellsHowItGoes) {
  const absl::Notification never;
  const MeasuredServer server(After(absl::Milliseconds(5)));
  Options options = server.OptionsFor();
  options.clients = 2;
  options.warm_up = absl::Milliseconds(400);
  options.duration = absl::Milliseconds(600);
  std::vector<Progress> told;
  ASSERT_TRUE(
      bench::Run(options, BuiltInTexts(), never, [&](const Progress& progress) { told.push_back(progress); }).ok());
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(told[0].phase, Phase::kConnecting);
  EXPECT_EQ(told[1].phase, Phase::kWarmUp);
  EXPECT_EQ(told[1].requests, 0);
  const auto measuring =
      std::find_if(told.rbegin(), told.rend(), [](const Progress& p) { return p.phase == Phase::kMeasuring; });
  ASSERT_NE(measuring, told.rend());
  EXPECT_GT(measuring->requests, 0);
  EXPECT_GT(measuring->requests_per_second, 0);
  EXPECT_GT(measuring->fraction, 0);
  EXPECT_LE(measuring->fraction, 1);
}

}  // namespace
}  // namespace fintag::bench
