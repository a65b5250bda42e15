#include "client/cli/figures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fintag::client {
namespace {

TEST(Figures, GroupsDigits) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1163), "1,163");
  EXPECT_EQ(WithCommas(-1234567), "-1,234,567");
  EXPECT_EQ(WithCommas(-123), "-123");
}

TEST(Figures, ScalesSizesAndCounts) {
  EXPECT_EQ(SizeText(812), "812 B");
  EXPECT_EQ(SizeText(90'868'376), "90.9 MB");
  EXPECT_EQ(SizeText(999'960), "1.0 MB");
  EXPECT_EQ(CountText(9'999), "9,999");
  EXPECT_EQ(CountText(22'713'216), "22.7 M");
}

TEST(Figures, ShowsTimesAsAClock) {
  EXPECT_EQ(ClockText(42.4), "0:42");
  EXPECT_EQ(ClockText(59.6), "1:00");
  EXPECT_EQ(ClockText(3723), "1:02:03");
  EXPECT_EQ(ClockText(-1), "-:--");
  EXPECT_EQ(ClockText(std::nan("")), "-:--");
}

TEST(Figures, ShowsSmallLosses) {
  EXPECT_EQ(LossText(0.12345), "0.1235");
  EXPECT_EQ(LossText(1.3e-5), "1.3e-05");
  EXPECT_EQ(LossText(0), "0.0000");
}

}  // namespace
}  // namespace fintag::client
