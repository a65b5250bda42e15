#include "core/text/text_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> All(TextLines lines) {
  std::vector<std::string> all;
  std::string_view line;
  while (lines.Next(line)) {
    all.emplace_back(line);
    EXPECT_EQ(lines.number(), std::ssize(all));
  }
  EXPECT_TRUE(lines.status().ok());
  return all;
}

TEST(TextLines, EndWithAnyLineEnd) {
  EXPECT_THAT(All(TextLines("a\nb\r\n\r\n\r\r\nc")), ElementsAre("a", "b", "", "", "c"));
  EXPECT_THAT(All(TextLines("\xEF\xBB\xBF"
                            "a\rb\r\rc\r")),
              ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(All(TextLines("")), ElementsAre());
}

TEST(TextLines, TellWhatATextBeginsWith) {
  const TextLines lines("\xEF\xBB\xBF \n\t{ \"a\": 1}");
  EXPECT_EQ(lines.first_bytes(), "\xEF\xBB");
  EXPECT_EQ(lines.first_visible(), "{\"");
  EXPECT_EQ(TextLines(" x ").first_visible(), "x");
}

// A file is read in pieces of 256 KiB: lines around and over that size, in texts with every line end.
TEST(TextLines, OfAFileAreThoseOfItsBytes) {
  const TemporaryFolder folder;
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    std::string text = round % 3 == 0 ? "\xEF\xBB\xBF" : "";
    const std::string end = round % 4 == 0 ? "\r" : round % 4 == 1 ? "\r\n" : "\n";
    const int lines = static_cast<int>(random() % 12);
    for (int i = 0; i < lines; ++i) {
      const size_t length = random() % 3 == 0 ? random() % 900'000 : (1 << 18) - 4 + random() % 8;
      text += std::string(random() % 4 == 0 ? 0 : length, static_cast<char>('a' + random() % 20));
      if (i + 1 < lines || random() % 2 == 0) text += end;
    }
    WriteFile(folder.path() / "text", text);
    absl::StatusOr<TextLines> file = TextLines::Open(folder.path() / "text");
    ASSERT_TRUE(file.ok()) << file.status();
    const TextLines memory(text);
    EXPECT_EQ(file->first_bytes(), memory.first_bytes());
    EXPECT_EQ(file->first_visible(), memory.first_visible());
    ASSERT_TRUE(All(*std::move(file)) == All(TextLines(text))) << round;
  }
}

TEST(TextLines, OfNoFileAreAStatus) {
  const TemporaryFolder folder;
  EXPECT_EQ(TextLines::Open(folder.path() / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(TextLines::Open(folder.path()).ok());
}

TEST(TextLines, OfAPipeAreAStatus) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const absl::Status status = TextLines::Open(absl::StrCat("/dev/fd/", ends[0])).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("write it to a file first"));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace fintag
