#include "core/text/utf8.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

bool IsScalar(char32_t c) { return c < 0xD800 || (c >= 0xE000 && c < 0x110000); }

TEST(Utf8, ReadsBackEveryScalarValue) {
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (IsScalar(c)) AppendUtf8(c, text);
  }
  ASSERT_TRUE(ValidateUtf8(text).ok());
  EXPECT_EQ(CountCodePoints(text), 0x110000 - 0x800);
  size_t position = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (!IsScalar(c)) continue;
    ASSERT_EQ(NextCodePoint(text, position), c);
  }
  EXPECT_EQ(position, text.size());
}

TEST(Utf8, NamesThePositionOfTheFirstIllFormedByte) {
  const std::vector<std::string> ill_formed = {
      "\x80",              // continuation alone
      "\xC0\x80",          // overlong NUL
      "\xC1\xBF",          // overlong
      "\xE0\x9F\xBF",      // overlong
      "\xED\xA0\x80",      // surrogate
      "\xF0\x8F\xBF\xBF",  // overlong
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF5\x80\x80\x80",
      "\xFF",
      "\xC3",
      "\xE2\x82",
      "\xF0\x9F\x98",
      "\xE2\x28\xA1",
  };
  for (const std::string& bytes : ill_formed) {
    for (const std::string prefix : {"", "a", "plain ascii of some length", "\xC3\xA9\xE4\xB8\xAD"}) {
      const absl::Status status = ValidateUtf8(prefix + bytes + " tail of the text");
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(status.message()), HasSubstr("byte " + std::to_string(prefix.size())));
    }
    EXPECT_FALSE(ValidateUtf8(bytes).ok());
  }
}

// Decodes by the definition: shortest form of a scalar value, nothing else.
bool IsUtf8(const std::string& bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead >= 0xF8 || (lead >= 0x80 && lead < 0xC0) || i + length > bytes.size()) return false;
    char32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if (next >> 6 != 2) return false;
      c = c << 6 | (next & 0x3Fu);
    }
    std::string shortest;
    if (!IsScalar(c)) return false;
    AppendUtf8(c, shortest);
    if (shortest.size() != length) return false;
    i += length;
  }
  return true;
}

TEST(Utf8, AgreesWithTheDefinitionOnRandomBytes) {
  std::mt19937 random(7);
  const std::string interesting = "\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC2\xDF\xE0\xED\xEF\xF0\xF4\xF5 a";
  int valid = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes(random() % 12, 'a');
    for (char& byte : bytes) {
      if (random() % 3 != 0) byte = interesting[random() % interesting.size()];
    }
    ASSERT_EQ(ValidateUtf8(bytes).ok(), IsUtf8(bytes)) << ::testing::PrintToString(bytes);
    valid += ValidateUtf8(bytes).ok();
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace fintag
