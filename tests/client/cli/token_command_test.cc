#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/command_line.h"
#include "client/sha256.h"

namespace fintag::client {
namespace {

int RunToken(std::vector<const char*> arguments, std::string& out) {
  arguments.insert(arguments.begin(), "fintag");
  std::ostringstream printed;
  std::ostringstream err;
  const int status = RunCommandLine(static_cast<int>(arguments.size()), arguments.data(), printed, err);
  out = printed.str();
  return status;
}

TEST(TokenNew, GivesATokenAndTheLineWithItsHash) {
  std::string first;
  std::string second;
  ASSERT_EQ(RunToken({"--json", "token", "new", "ann.b@x", "--role", "tagger"}, first), kDone);
  ASSERT_EQ(RunToken({"--json", "token", "new", "ann.b@x", "--role", "tagger"}, second), kDone);
  const Json made = Json::parse(first);
  const std::string token = made["token"];
  EXPECT_EQ(token.size(), 7u + 64u);
  Sha256 hash;
  hash.Update(token);
  EXPECT_EQ(made["line"], "ann.b@x tagger sha256:" + hash.Finish());
  EXPECT_NE(made["token"], Json::parse(second)["token"]);
  // For a person: both, each on a line of its own.
  ASSERT_EQ(RunToken({"token", "new", "ann", "--role", "admin"}, first), kDone);
  EXPECT_NE(first.find("\nfintag_"), std::string::npos);
  EXPECT_NE(first.find("\nann admin sha256:"), std::string::npos);
}

TEST(TokenNew, KnowsWrongUsage) {
  std::string out;
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{"token"},
                                             {"token", "new"},
                                             {"token", "new", "ann"},
                                             {"token", "new", "ann", "--role", "boss"},
                                             {"token", "new", "two words", "--role", "viewer"}}) {
    EXPECT_EQ(RunToken(arguments, out), kWrongUsage);
    EXPECT_EQ(out, "");
  }
}

// It needs no server, so what is wrong with the way to one is no matter.
TEST(TokenNew, NeedsNoServer) {
  std::string out;
  EXPECT_EQ(RunToken({"--server", "nonsense", "token", "new", "ann", "--role", "viewer"}, out), kDone);
}

}  // namespace
}  // namespace fintag::client
