#include "server/telemetry/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fintag::server {
namespace {

using ::testing::MatchesRegex;
using ::testing::Ne;

constexpr char kGiven[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";

TEST(TraceContext, AGoodHeaderIsGoneOnWith) {
  const TraceContext trace = ContinueTrace(kGiven);
  EXPECT_EQ(trace.trace_id, kTrace);
  EXPECT_THAT(trace.span_id, MatchesRegex("[0-9a-f]{16}"));
  EXPECT_THAT(trace.span_id, Ne("00f067aa0ba902b7"));
  EXPECT_TRUE(trace.sampled);
  EXPECT_EQ(trace.Traceparent(), std::string("00-") + kTrace + "-" + trace.span_id + "-01");
  EXPECT_EQ(ParseTraceparent(trace.Traceparent())->trace_id, kTrace);
}

TEST(TraceContext, OfTheFlagsTheLowestBitIsKnown) {
  const std::string start = std::string(kGiven).substr(0, 53);
  for (const auto& [flags, sampled] :
       {std::pair("00", false), {"02", false}, {"03", true}, {"fe", false}, {"ff", true}}) {
    ASSERT_TRUE(ParseTraceparent(start + flags).has_value()) << flags;
    EXPECT_EQ(ParseTraceparent(start + flags)->sampled, sampled) << flags;
  }
}

TEST(TraceContext, ALaterVersionMayHaveMore) {
  const std::string rest = std::string(kGiven).substr(2);
  EXPECT_EQ(ParseTraceparent("01" + rest)->trace_id, kTrace);
  EXPECT_EQ(ParseTraceparent("cc" + rest + "-what-the-future-brings")->trace_id, kTrace);
  EXPECT_EQ(ContinueTrace("cc" + rest + "-x").Traceparent().size(), 55u);
  EXPECT_FALSE(ParseTraceparent("01" + rest + ".").has_value());
  EXPECT_FALSE(ParseTraceparent("00" + rest + "-more").has_value());
  EXPECT_FALSE(ParseTraceparent("ff" + rest).has_value());
}

TEST(TraceContext, AnythingElseBeginsANewTrace) {
  std::vector<std::string> wrong = {
      "",
      "00",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
  };
  // Each character in turn replaced by one that fits nowhere, and each left out.
  for (size_t i = 0; i < std::string(kGiven).size(); ++i) {
    std::string text = kGiven;
    text[i] = '_';
    wrong.push_back(text);
    wrong.push_back(std::string(kGiven).erase(i, 1));
  }
  std::set<std::string> ids;
  for (const std::string& text : wrong) {
    EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
    const TraceContext trace = ContinueTrace(text);
    EXPECT_THAT(trace.Traceparent(), MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00"));
    EXPECT_TRUE(ids.insert(trace.trace_id).second);
  }
}

}  // namespace
}  // namespace fintag::server
