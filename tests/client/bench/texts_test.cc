#include "client/bench/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "client/utf8.h"
#include "tests/client/test_folder.h"

namespace fintag::bench {
namespace {

TEST(BuiltInTexts, AreADozenDifferentOnes) {
  const std::vector<std::string> texts = BuiltInTexts();
  EXPECT_EQ(texts.size(), 12u);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), 12u);
  for (const std::string& text : texts) EXPECT_FALSE(client::FindInvalidUtf8(text).has_value()) << text;
}

TEST(ReadTexts, LeavesBlankLinesOut) {
  const client::TestFolder folder;
  const auto texts = ReadTexts(folder.Write("texts", "Acme Corp.\n\n \t\r\n Zürich \r\nlast"));
  ASSERT_TRUE(texts.ok());
  EXPECT_THAT(*texts, testing::ElementsAre("Acme Corp.", " Zürich ", "last"));
}

TEST(ReadTexts, NamesTheFileAndTheLine) {
  const client::TestFolder folder;
  const auto message = [&](const std::string& content) {
    return std::string(ReadTexts(folder.Write("texts", content)).status().message());
  };
  EXPECT_THAT(message("fine\n\xff\n"), testing::HasSubstr("texts:2: is not UTF-8"));
  EXPECT_THAT(message("\n" + std::string((1 << 20) + 1, 'a')), testing::HasSubstr("texts:2: is longer"));
  EXPECT_THAT(message("\n \n"), testing::HasSubstr("texts: has no text"));
  EXPECT_TRUE(absl::IsNotFound(ReadTexts(folder.Path("nothing")).status()));
}

}  // namespace
}  // namespace fintag::bench
