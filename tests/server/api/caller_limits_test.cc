#include "server/api/caller_limits.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "server/api/status_conversion.h"

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

using namespace std::chrono_literals;

const CallerLimits::Clock::time_point kStart{1h};

// The seconds of RetryInfo, and ErrorInfo's "limit".
std::pair<double, std::string> Details(const absl::Status& status) {
  google::rpc::RetryInfo retry;
  google::rpc::ErrorInfo info;
  const google::rpc::Status rpc_status = ToRpcStatus(status, "m");
  for (const auto& detail : rpc_status.details()) {
    detail.UnpackTo(&retry);
    detail.UnpackTo(&info);
  }
  return {static_cast<double>(retry.retry_delay().seconds()) + retry.retry_delay().nanos() / 1e9,
          info.metadata().at("limit")};
}

TEST(CallerLimits, ARateIsOfEachCaller) {
  CallerLimits limits({.requests_per_second = 4});
  const auto ask = [&](const char* caller, std::chrono::milliseconds after) {
    return CallerLimits::Place(limits, caller, kStart + after).status();
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask("ann", 0ms).ok()) << i;
  const absl::Status refused = ask("ann", 50ms);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ann has made 4 requests a second"));
  const auto [seconds, limit] = Details(refused);
  EXPECT_NEAR(seconds, 0.2, 1e-6);
  EXPECT_EQ(limit, "max-caller-rate");
  EXPECT_TRUE(ask("bob", 50ms).ok());
  // As it was told.
  EXPECT_TRUE(ask("ann", 251ms).ok());
  EXPECT_FALSE(ask("ann", 252ms).ok());
  // What was not used is not saved up beyond a second's worth.
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask("ann", 1h).ok()) << i;
  EXPECT_FALSE(ask("ann", 1h).ok());
}

TEST(CallerLimits, LessThanOneASecondIsARateToo) {
  CallerLimits limits({.requests_per_second = 0.5});
  EXPECT_TRUE(CallerLimits::Place(limits, "ann", kStart).status().ok());
  EXPECT_NEAR(Details(CallerLimits::Place(limits, "ann", kStart).status()).first, 2, 1e-6);
  EXPECT_TRUE(CallerLimits::Place(limits, "ann", kStart + 2s).status().ok());
}

TEST(CallerLimits, CallsAtOnceAreOfEachCaller) {
  CallerLimits limits({.calls = 2});
  std::optional<CallerLimits::Place> first, second;
  first.emplace(limits, "ann");
  second.emplace(limits, "ann");
  {
    const CallerLimits::Place third(limits, "ann");
    EXPECT_TRUE(absl::IsResourceExhausted(third.status()));
    EXPECT_THAT(std::string(third.status().message()), HasSubstr("ann has 2 calls under way"));
    EXPECT_EQ(Details(third.status()).second, "max-caller-calls");
    EXPECT_GT(Details(third.status()).first, 0);
    EXPECT_TRUE(CallerLimits::Place(limits, "bob").status().ok());
  }
  EXPECT_FALSE(CallerLimits::Place(limits, "ann").status().ok());  // the refused one gave no place back
  second.reset();
  EXPECT_TRUE(CallerLimits::Place(limits, "ann").status().ok());
}

TEST(CallerLimits, TokensAMinuteAreOfEachCaller) {
  CallerLimits limits({.tokens_per_minute = 600});
  EXPECT_TRUE(limits.TakeTokens("ann", 400, kStart).ok());
  EXPECT_TRUE(limits.TakeTokens("ann", 200, kStart).ok());
  const absl::Status refused = limits.TakeTokens("ann", 50, kStart);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ann has had 600 tokens tagged a minute"));
  EXPECT_EQ(Details(refused).second, "max-caller-tokens-per-minute");
  EXPECT_NEAR(Details(refused).first, 5, 1e-6);
  EXPECT_TRUE(limits.TakeTokens("bob", 600, kStart).ok());
  EXPECT_FALSE(limits.TakeTokens("ann", 50, kStart + 4900ms).ok());
  EXPECT_TRUE(limits.TakeTokens("ann", 50, kStart + 5100ms).ok());
  // What could never be had is told apart: waiting would not help.
  const absl::Status larger = limits.TakeTokens("ann", 601, kStart + 1h);
  EXPECT_THAT(std::string(larger.message()), HasSubstr("send fewer or shorter texts"));
  EXPECT_EQ(Details(larger).second, "max-caller-tokens-per-minute");
  EXPECT_EQ(Details(larger).first, 0);  // no RetryInfo
}

TEST(CallerLimits, NoneIsTheDefault) {
  CallerLimits limits({});
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(CallerLimits::Place(limits, "ann", kStart).status().ok());
  EXPECT_TRUE(limits.TakeTokens("ann", int64_t{1} << 60, kStart).ok());
}

}  // namespace
}  // namespace fintag::server
