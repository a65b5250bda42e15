#include "client/cli/display_width.h"

#include <gtest/gtest.h>

namespace fintag::client {
namespace {

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("Acme"), 4);
  EXPECT_EQ(DisplayWidth("Zürich"), 6);
  EXPECT_EQ(DisplayWidth("東京"), 4);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);  // e and a combining accent
  EXPECT_EQ(DisplayWidth("\xF0\x9F\x92\xB0"), 2);
  EXPECT_EQ(DisplayWidth(""), 0);
}

TEST(Printable, TakesTerminalCommandsOut) {
  EXPECT_EQ(Printable("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
  EXPECT_EQ(Printable("a\tb\r\nc"), "a b  c");
  EXPECT_EQ(Printable("\xC2\x9B"), "\xEF\xBF\xBD");      // C1: another way to begin a command
  EXPECT_EQ(Printable("\xE2\x80\xAE"), "\xEF\xBF\xBD");  // reverses the text behind it
  EXPECT_EQ(Printable("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(Printable("Zürich 東京"), "Zürich 東京");
}

TEST(Shorten, CutsToColumnsWithAnEllipsis) {
  EXPECT_EQ(Shorten("Acme", 4), "Acme");
  EXPECT_EQ(Shorten("Acme Corp", 5), "Acme…");
  EXPECT_EQ(Shorten("東京都", 4), "東…");
  for (int width = 1; width < 12; ++width) {
    EXPECT_LE(DisplayWidth(Shorten("a東b京c都 credit", width)), width) << width;
  }
}

}  // namespace
}  // namespace fintag::client
