#include "server/security/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

// SHA-256 of "first" and "second", by sha256sum.
constexpr char kFirst[] = "sha256:a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
constexpr char kSecond[] = "sha256:16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";

std::string Error(const std::string& text) {
  const absl::StatusOr<Tokens> tokens = Tokens::Parse("tokens", text);
  EXPECT_TRUE(absl::IsInvalidArgument(tokens.status())) << text;
  return std::string(tokens.status().message());
}

TEST(Tokens, FindsTheCallerOfAToken) {
  const absl::StatusOr<Tokens> tokens = Tokens::Parse(
      "tokens", std::string("# who\n\n alice\ttrainer  ") + kFirst + "  # her laptop\r\nb.o-b_1@x viewer " + kSecond);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ASSERT_NE(tokens->Find("first"), nullptr);
  EXPECT_EQ(tokens->Find("first")->name, "alice");
  EXPECT_EQ(tokens->Find("first")->role, Role::kTrainer);
  EXPECT_EQ(tokens->Find("second")->name, "b.o-b_1@x");
  for (const char* wrong : {"", "First", "first ", "firs", kFirst}) EXPECT_EQ(tokens->Find(wrong), nullptr) << wrong;
}

TEST(Tokens, OneCallerMayHaveTwo) {
  const absl::StatusOr<Tokens> tokens =
      Tokens::Parse("tokens", std::string("a viewer ") + kFirst + "\na viewer " + kSecond + "\n");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->Find("first")->name, tokens->Find("second")->name);
}

TEST(Tokens, NamesTheLineThatIsWrong) {
  const std::string good = std::string("a viewer ") + kFirst + "\n";
  EXPECT_THAT(Error(good + "b viewer"), HasSubstr("tokens, line 2: must be NAME ROLE sha256:HEX"));
  EXPECT_THAT(Error(good + "\nb boss " + kSecond), HasSubstr("line 3: the role must be viewer, tagger, trainer or"));
  EXPECT_THAT(Error(good + "b/c viewer " + kSecond), HasSubstr("line 2: the name"));
  EXPECT_THAT(Error(good + std::string(65, 'b') + " viewer " + kSecond), HasSubstr("line 2: the name"));
  EXPECT_THAT(Error(good + "b viewer " + std::string(kSecond).substr(7)), HasSubstr("line 2: the hash"));
  EXPECT_THAT(Error(good + "b viewer sha256:12"), HasSubstr("line 2: the hash"));
  EXPECT_THAT(Error(good + "b viewer " + kFirst), HasSubstr("line 2: the hash stands on another line"));
  EXPECT_THAT(Error(good + "a admin " + kSecond), HasSubstr("line 2: a has another role"));
  EXPECT_THAT(Error(""), HasSubstr("has no token"));
  EXPECT_THAT(Error("# nobody\n"), HasSubstr("has no token"));
}

TEST(Roles, AreInOrder) {
  EXPECT_LT(*ParseRole("viewer"), *ParseRole("tagger"));
  EXPECT_LT(*ParseRole("tagger"), *ParseRole("trainer"));
  EXPECT_LT(*ParseRole("trainer"), *ParseRole("admin"));
  EXPECT_FALSE(ParseRole("Admin").has_value());
  EXPECT_EQ(RoleName(Role::kTrainer), "trainer");
}

}  // namespace
}  // namespace fintag::server
