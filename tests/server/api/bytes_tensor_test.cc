#include "server/api/bytes_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace fintag::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Raw(const std::vector<std::string>& elements) {
  std::string raw;
  for (const std::string& element : elements) AppendElement(element, raw);
  return raw;
}

TEST(BytesTensor, LengthsAreFourBytesLowestFirst) {
  EXPECT_EQ(Raw({"ab", ""}), std::string("\2\0\0\0ab\0\0\0\0", 10));
  EXPECT_EQ(Raw({std::string(0x1234, 'x')}).substr(0, 4), std::string("\x34\x12\0\0", 4));
}

TEST(BytesTensor, ReadsWhatItWrote) {
  const std::string raw = Raw({"Acme", "", std::string("\0\xff", 2), std::string(70000, 'y')});
  EXPECT_THAT(ReadElements(raw, 4).value(), ElementsAre("Acme", "", std::string("\0\xff", 2), std::string(70000, 'y')));
  EXPECT_THAT(ReadElements("", 0).value(), IsEmpty());
}

TEST(BytesTensor, SaysWhatIsWrong) {
  const auto error = [](std::string_view raw, int64_t count) {
    const absl::Status status = ReadElements(raw, count).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    return std::string(status.message());
  };
  const std::string raw = Raw({"Acme", "Corp"});
  EXPECT_THAT(error(raw, 1), HasSubstr("8 bytes behind the 1 texts"));
  EXPECT_THAT(error(raw, 3), HasSubstr("has 2 texts, the shape says 3"));
  EXPECT_THAT(error(raw.substr(0, 10), 2), HasSubstr("within the 4 bytes of the length of text 1"));
  EXPECT_THAT(error(raw.substr(0, 14), 2), HasSubstr("says at byte 8 that text 1 has 4 bytes, of which 2 are there"));
  EXPECT_THAT(error(std::string("\xff\xff\xff\xff", 4), 1), HasSubstr("4294967295 bytes, of which 0"));
}

// Whatever the bytes, what is read back lies within them and is written as it was.
TEST(BytesTensor, AnyBytesAreReadOrRefused) {
  std::mt19937 random(7);
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string raw;
    const int elements = static_cast<int>(random() % 4);
    for (int i = 0; i < elements; ++i) AppendElement(std::string(random() % 6, static_cast<char>(random())), raw);
    // Half of them are damaged: a byte changed, or the end cut or lengthened.
    if (random() % 2 == 0 && !raw.empty()) {
      switch (random() % 3) {
        case 0:
          raw[random() % raw.size()] = static_cast<char>(random());
          break;
        case 1:
          raw.resize(random() % raw.size());
          break;
        default:
          raw.append(random() % 7, static_cast<char>(random()));
      }
    }
    const auto count = static_cast<int64_t>(random() % 5);
    const absl::StatusOr<std::vector<std::string_view>> found = ReadElements(raw, count);
    if (!found.ok()) continue;
    ++read;
    ASSERT_EQ(static_cast<int64_t>(found->size()), count);
    EXPECT_EQ(Raw({found->begin(), found->end()}), raw);
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace fintag::server
