#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/audit_chain.h"
#include "client/cli/command_line.h"
#include "client/sha256.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

using ::testing::HasSubstr;

// As the document describes the lines.
std::string Log(int entries) {
  std::string log;
  std::string previous(64, '0');
  for (int i = 1; i <= entries; ++i) {
    const std::string content = absl::StrCat("{\"sequence\":", i, ",\"time\":\"2026-11-26T00:00:0", i,
                                             ".000000Z\",\"caller\":\"ann\",\"previous\":\"", previous, "\"");
    Sha256 hash;
    hash.Update(content);
    previous = hash.Finish();
    log += absl::StrCat(content, ",\"hash\":\"", previous, "\"}\n");
  }
  return log;
}

AuditChain Check(const std::string& log, const std::string& head = "") {
  std::istringstream file(log);
  return CheckAuditChain(file, head);
}

TEST(AuditVerify, CountsAWholeChain) {
  const AuditChain chain = Check(Log(3));
  EXPECT_EQ(chain.entries, 3);
  EXPECT_EQ(chain.wrong_line, 0) << chain.reason;
  EXPECT_EQ(chain.first_time, "2026-11-26T00:00:01.000000Z");
  EXPECT_EQ(chain.last_time, "2026-11-26T00:00:03.000000Z");
  EXPECT_EQ(Check("").entries, 0);
  // A head from before tells a log that went on from one that was cut.
  EXPECT_EQ(Check(Log(5), chain.head).known_head_line, 3);
  EXPECT_EQ(Check(Log(2), chain.head).known_head_line, 0);
}

TEST(AuditVerify, NamesTheFirstWrongLine) {
  const std::string good = Log(4);
  std::vector<size_t> starts = {0};
  for (size_t end = good.find('\n'); end + 1 < good.size(); end = good.find('\n', end + 1)) starts.push_back(end + 1);
  // Whatever byte is changed, its line is wrong, or, at an end of a line, that line or the next.
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    const auto line = std::upper_bound(starts.begin(), starts.end(), i) - starts.begin();
    EXPECT_EQ(Check(changed).wrong_line, line) << "byte " << i;
  }
  const auto without = [&](int line) { return good.substr(0, starts[line - 1]) + good.substr(starts[line]); };
  EXPECT_EQ(Check(without(1)).wrong_line, 1);
  EXPECT_EQ(Check(without(2)).wrong_line, 2);
  EXPECT_THAT(Check(without(2)).reason, HasSubstr("entry 3 where 2 should stand"));
  EXPECT_EQ(Check(good + good.substr(starts[3])).wrong_line, 5);
  const AuditChain torn = Check(good.substr(0, good.size() - 1));
  EXPECT_EQ(torn.wrong_line, 4);
  EXPECT_THAT(torn.reason, HasSubstr("torn"));
}

class AuditCommand : public ::testing::Test {
 protected:
  int Run(std::vector<std::string> arguments, const std::string& log) {
    const std::string file = folder_.Write("audit.log", log);
    arguments.insert(arguments.begin(), {"fintag", "audit", "verify", file});
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream err;
    const int status = RunCommandLine(static_cast<int>(argv.size()), argv.data(), out, err);
    out_ = out.str();
    err_ = err.str();
    return status;
  }

  TestFolder folder_;
  std::string out_;
  std::string err_;
};

TEST_F(AuditCommand, SaysWhetherTheLogIsWhole) {
  const std::string head = Check(Log(2)).head;
  EXPECT_EQ(Run({}, Log(2)), kDone);
  EXPECT_THAT(out_, HasSubstr("whole"));
  EXPECT_THAT(out_, HasSubstr(head));
  EXPECT_EQ(Run({"--head", head, "--json"}, Log(3)), kDone);
  const Json document = Json::parse(out_);
  EXPECT_EQ(document["entries"], 3);
  EXPECT_EQ(document["known_head_line"], 2);
  EXPECT_EQ(document["whole"], true);
  EXPECT_EQ(Run({"--head", head}, Log(1)), kFailed);
  EXPECT_THAT(err_, HasSubstr("cut off"));
  EXPECT_EQ(Run({}, "hello\n"), kFailed);
  EXPECT_THAT(err_, HasSubstr("line 1: it does not end with its hash"));
  EXPECT_EQ(Run({"--json"}, Log(2) + "{}\n"), kFailed);
  EXPECT_EQ(Json::parse(out_)["wrong_line"], 3);
  EXPECT_EQ(Run({"--head", "abc"}, Log(1)), kWrongUsage);
}

}  // namespace
}  // namespace fintag::client
