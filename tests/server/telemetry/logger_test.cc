#include "server/telemetry/logger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace fintag::server {
namespace {

using ::testing::MatchesRegex;

// What `write` makes the logger put on standard error.
template <typename Function>
std::string Written(LogFormat format, Function&& write) {
  const Logger logger(format);
  testing::internal::CaptureStderr();
  write(logger);
  return testing::internal::GetCapturedStderr();
}

TEST(Logger, TextLinesHaveTimeSeverityMessageAndFields) {
  const std::string line = Written(LogFormat::kText, [](const Logger& logger) {
    logger.Write(Severity::kWarning, "job", {{"job", "260131"}, {"state", "FAILED"}});
  });
  EXPECT_THAT(line, MatchesRegex("20[0-9][0-9]-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9.]+Z warning job job=260131 "
                                 "state=FAILED\n"));
}

TEST(Logger, TextQuotesWhatIsNotPlain) {
  const std::string line = Written(LogFormat::kText, [](const Logger& logger) {
    logger.Write(Severity::kInfo, "m",
                 {{"a", "two words"}, {"b", ""}, {"c", "x\ny"}, {"d", "q\"q"}, {"e", "k=v"}, {"f", "\x1b[31m"}});
  });
  EXPECT_EQ(line.substr(line.find(" info ")),
            " info m a=\"two words\" b=\"\" c=\"x\\ny\" d=\"q\\\"q\" e=\"k=v\" f=\"\\u001b[31m\"\n");
}

TEST(Logger, JsonLinesAreWholeWhateverTheBytes) {
  const std::string line = Written(LogFormat::kJson, [](const Logger& logger) {
    logger.Write(Severity::kError, "call", {{"method", "a\n\"b\""}, {"code", "bad \xff byte"}});
  });
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const nlohmann::json json = nlohmann::json::parse(line);
  EXPECT_EQ(json["severity"], "error");
  EXPECT_EQ(json["message"], "call");
  EXPECT_EQ(json["method"], "a\n\"b\"");
  EXPECT_EQ(json["code"], "bad \xef\xbf\xbd byte");
  EXPECT_TRUE(json.contains("time"));
}

TEST(Logger, LinesOfManyThreadsDoNotMix) {
  const std::string text = Written(LogFormat::kJson, [](const Logger& logger) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&logger] {
        for (int j = 0; j < 100; ++j) logger.Write(Severity::kInfo, "line", {{"field", std::string(200, 'x')}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(count, 400);
}

}  // namespace
}  // namespace fintag::server
