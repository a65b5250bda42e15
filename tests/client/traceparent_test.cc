#include "client/traceparent.h"

#include <gtest/gtest.h>

namespace fintag::client {
namespace {

TEST(Traceparent, ANewOneIsItsOwn) {
  const std::string first = NewTraceparent();
  EXPECT_TRUE(IsTraceparent(first)) << first;
  EXPECT_EQ(TraceIdOf(first).size(), 32u);
  EXPECT_NE(TraceIdOf(first), TraceIdOf(NewTraceparent()));
}

TEST(Traceparent, IsKnownByItsForm) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(IsTraceparent(good));
  EXPECT_EQ(TraceIdOf(good), "4bf92f3577b34da6a3ce929d0e0e4736");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string wrong = good;
    wrong[i] = 'X';
    EXPECT_FALSE(IsTraceparent(wrong)) << wrong;
    EXPECT_FALSE(IsTraceparent(std::string(good).erase(i, 1)));
  }
  for (const char* wrong : {"", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-"}) {
    EXPECT_FALSE(IsTraceparent(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace fintag::client
