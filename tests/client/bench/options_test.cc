#include "client/bench/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace fintag::bench {
namespace {

Options Right() {
  Options options;
  options.model = "tagger";
  return options;
}

TEST(CheckOptions, TakesTheDefaults) {
  EXPECT_TRUE(CheckOptions(Right()).ok());
  Options open = Right();
  open.rate = 0.5;
  open.warm_up = absl::ZeroDuration();
  EXPECT_TRUE(CheckOptions(open).ok());
}

TEST(CheckOptions, NamesTheWrongOption) {
  const double infinite = std::numeric_limits<double>::infinity();
  const std::pair<const char*, std::function<void(Options&)>> wrongs[] = {
      {"model", [](Options& options) { options.model.clear(); }},
      {"input", [](Options& options) { options.input.clear(); }},
      {"clients", [](Options& options) { options.clients = 0; }},
      {"rate", [](Options& options) { options.rate = 0; }},
      {"rate", [](Options& options) { options.rate = -1; }},
      {"rate", [](Options& options) { options.rate = std::nan(""); }},
      {"rate", [&](Options& options) { options.rate = infinite; }},
      {"max-outstanding", [](Options& options) { options.max_outstanding = 0; }},
      {"requests", [](Options& options) { options.requests = 0; }},
      {"texts", [](Options& options) { options.texts = -3; }},
      {"connections", [](Options& options) { options.connections = 0; }},
      {"warm-up", [](Options& options) { options.warm_up = absl::Seconds(-1); }},
      {"duration", [](Options& options) { options.duration = absl::ZeroDuration(); }},
      {"duration", [](Options& options) { options.duration = absl::InfiniteDuration(); }},
      {"timeout", [](Options& options) { options.timeout = absl::ZeroDuration(); }},
  };
  for (const auto& [field, spoil] : wrongs) {
    Options options = Right();
    spoil(options);
    const absl::Status status = CheckOptions(options);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << field;
    EXPECT_THAT(std::string(status.message()), testing::StartsWith(std::string(field) + " must ")) << field;
  }
}

TEST(ConnectionsOf, IsOneAClientUpTo64AndASetNumberInAnOpenLoop) {
  Options options = Right();
  EXPECT_EQ(ConnectionsOf(options), 8);
  options.clients = 512;
  EXPECT_EQ(ConnectionsOf(options), 64);
  options.connections = 3;
  EXPECT_EQ(ConnectionsOf(options), 3);
  options.connections.reset();
  options.rate = 100;
  EXPECT_EQ(ConnectionsOf(options), 16);
}

}  // namespace
}  // namespace fintag::bench
