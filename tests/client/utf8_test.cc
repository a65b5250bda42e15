#include "client/utf8.h"

#include <gtest/gtest.h>

namespace fintag::client {
namespace {

TEST(FindInvalidUtf8, TakesWhatRfc3629Takes) {
  for (const char* text : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_FALSE(FindInvalidUtf8(text).has_value()) << text;
  }
}

TEST(FindInvalidUtf8, NamesTheByte) {
  EXPECT_EQ(FindInvalidUtf8("ab\x80"), 2u);             // continuation without a start
  EXPECT_EQ(FindInvalidUtf8("\xC0\xAF"), 0u);           // overlong
  EXPECT_EQ(FindInvalidUtf8("\xE0\x9F\xBF"), 0u);       // overlong
  EXPECT_EQ(FindInvalidUtf8("a\xED\xA0\x80"), 1u);      // surrogate
  EXPECT_EQ(FindInvalidUtf8("\xF0\x8F\xBF\xBF"), 0u);   // overlong
  EXPECT_EQ(FindInvalidUtf8("\xF4\x90\x80\x80"), 0u);   // beyond U+10FFFF
  EXPECT_EQ(FindInvalidUtf8("\xC3\xBCx\xE6\x9D"), 3u);  // ends too early
  EXPECT_EQ(FindInvalidUtf8("\xFF"), 0u);
}

TEST(DecodeUtf8, GivesBackWhatWasWritten) {
  EXPECT_EQ(DecodeUtf8("A").value, U'A');
  EXPECT_EQ(DecodeUtf8("ü").value, U'ü');
  EXPECT_EQ(DecodeUtf8("東").value, U'東');
  EXPECT_EQ(DecodeUtf8("\xF0\x9F\x92\xB0").value, U'\x1F4B0');
}

}  // namespace
}  // namespace fintag::client
