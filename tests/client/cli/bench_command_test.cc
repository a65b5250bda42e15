#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/cli/command_line.h"
#include "tests/client/bench/measured_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome RunBenchCommand(const bench::MeasuredServer& server, const std::vector<std::string>& arguments) {
  const std::string address = server.server.address();
  std::vector<const char*> argv = {"fintag", "--server", address.c_str(), "bench", "--model", "tagger"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int status = RunCommandLine(static_cast<int>(argv.size()), argv.data(), out, err);
  return {status, out.str(), err.str()};
}

std::vector<std::string> KeysOf(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

TEST(BenchCommand, PrintsOneDocumentWithTheSameKeysForBothLoops) {
  const bench::MeasuredServer server(bench::After(absl::Milliseconds(1)));
  const Outcome closed = RunBenchCommand(server, {"--json", "--warm-up", "0", "--requests", "50", "--clients", "3"});
  ASSERT_EQ(closed.status, kDone) << closed.err;
  const auto document = nlohmann::ordered_json::parse(closed.out);
  EXPECT_THAT(KeysOf(document),
              testing::ElementsAre("protocol", "model", "mode", "clients", "rate", "connections", "texts_per_request",
                                   "seconds", "requests", "texts", "bytes", "errors", "requests_per_second",
                                   "texts_per_second", "latency_ms", "error_latency_ms", "sent", "sent_per_second",
                                   "not_sent", "largest_send_delay_ms", "server", "interrupted"));
  for (const char* latencies : {"latency_ms", "error_latency_ms"}) {
    EXPECT_THAT(KeysOf(document[latencies]),
                testing::ElementsAre("min", "mean", "p50", "p90", "p95", "p99", "p99_9", "max"));
  }
  EXPECT_EQ(document["mode"], "closed");
  EXPECT_EQ(document["clients"], 3);
  EXPECT_TRUE(document["rate"].is_null() && document["sent"].is_null());
  EXPECT_EQ(document["requests"], 50);
  EXPECT_TRUE(document["errors"].is_object() && document["errors"].empty());
  EXPECT_EQ(document["interrupted"], false);

  const Outcome open = RunBenchCommand(server, {"--json", "--warm-up", "0", "--requests", "50", "--rate", "200"});
  ASSERT_EQ(open.status, kDone) << open.err;
  const auto other = nlohmann::ordered_json::parse(open.out);
  EXPECT_EQ(KeysOf(other), KeysOf(document));
  EXPECT_EQ(other["mode"], "open");
  EXPECT_TRUE(other["clients"].is_null());
  EXPECT_EQ(other["rate"], 200);
  EXPECT_EQ(other["sent"], 50);
}

TEST(BenchCommand, PrintsATableForAPerson) {
  const bench::MeasuredServer server([](int64_t number) {
    return number % 5 != 2 ? grpc::Status::OK : grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
  });
  const Outcome outcome = RunBenchCommand(server, {"--warm-up", "0", "--requests", "50", "--clients", "4"});
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  for (const char* words : {"closed loop, 4 clients, 4 connections, 1 text a request", " RESOURCE_EXHAUSTED",
                            "latency, ms", "p99.9", "a second"}) {
    EXPECT_THAT(outcome.out, HasSubstr(words));
  }
  EXPECT_EQ(outcome.err, "");
}

TEST(BenchCommand, FailsIfNoRequestSucceeded) {
  const bench::MeasuredServer full(
      [](int64_t) { return Detailed(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"); });
  const Outcome nothing = RunBenchCommand(full, {"--json", "--warm-up", "0", "--requests", "4"});
  EXPECT_EQ(nothing.status, kFailed);
  const auto document = nlohmann::json::parse(nothing.out);
  EXPECT_EQ(document["errors"]["RESOURCE_EXHAUSTED"], 4);
  EXPECT_TRUE(document["latency_ms"]["p99"].is_null());
  EXPECT_GT(document["error_latency_ms"]["p99"], 0);

  const bench::MeasuredServer without(
      [](int64_t) { return Detailed(grpc::StatusCode::NOT_FOUND, "there is no models/tagger"); });
  const Outcome outcome = RunBenchCommand(without, {});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("there is no models/tagger"));
  const TestFolder folder;
  EXPECT_THAT(RunBenchCommand(without, {"--file", folder.Write("texts", "\n")}).err, HasSubstr("has no text"));
}

TEST(BenchCommand, NamesTheOptionThatIsWrong) {
  const bench::MeasuredServer server(bench::After(absl::ZeroDuration()));
  const std::pair<std::vector<std::string>, const char*> wrongs[] = {
      {{"--clients", "0"}, "--clients must be 1 to 65536; it is 0"},
      {{"--rate", "0"}, "--rate must be above 0"},
      {{"--rate", "5", "--clients", "3"}, "--clients excludes --rate"},
      {{"--duration", "5", "--requests", "3"}, "--duration excludes --requests"},
      {{"--max-outstanding", "5"}, "--max-outstanding requires --rate"},
      {{"--warm-up", "-1"}, "--warm-up must be 0"},
      {{"--protocol", "http"}, "--protocol"},
      {{"--input", "TEXT"}, "--input needs --protocol inference"},
      {{"--duration", "soon"}, "--duration"},
      {{"--seed", "x"}, "--seed"},
  };
  for (const auto& [arguments, words] : wrongs) {
    const Outcome outcome = RunBenchCommand(server, arguments);
    EXPECT_EQ(outcome.status, kWrongUsage) << words;
    EXPECT_THAT(outcome.err, HasSubstr(words));
  }
  EXPECT_EQ(server.tagging.calls().calls, 0);
}

}  // namespace
}  // namespace fintag::client
