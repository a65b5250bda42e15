#include "server/api/call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class RunCallTest : public ::testing::Test {
 protected:
  template <typename Body>
  grpc::Status Run(Body&& body) {
    testing::internal::CaptureStderr();
    grpc::Status status = RunCall(environment_, context_, method_, std::forward<Body>(body));
    log_ = testing::internal::GetCapturedStderr();
    return status;
  }

  std::unique_ptr<Metrics> metrics_ = Metrics::Create();
  Logger logger_{LogFormat::kText};
  std::atomic<bool> stopping_ = false;
  CallLimit calls_{2, "calls"};
  CallerLimits callers_{{}};
  StreamReads reads_;
  TemporaryFolder folder_;
  std::unique_ptr<AuditLog> audit_ = *AuditLog::Open(folder_.path() / "audit.log", nullptr);
  const Access access_{nullptr};
  grpc::ServerContext context_;
  std::string method_ = "fintag.v1.TaggingService/Tag";
  const CallEnvironment environment_{*metrics_, logger_, stopping_, access_, calls_, callers_, reads_, audit_.get()};
  std::string log_;
};

TEST_F(RunCallTest, CountsAndLogsOneLine) {
  EXPECT_TRUE(Run([] { return absl::OkStatus(); }).ok());
  EXPECT_THAT(log_, HasSubstr("info call method=fintag.v1.TaggingService/Tag code=OK seconds="));
  EXPECT_THAT(log_, ContainsRegex(" caller=anyone trace_id=[0-9a-f]{32}\n"));
  EXPECT_THAT(metrics_->Text(),
              HasSubstr("fintag_requests_total{code=\"OK\",method=\"fintag.v1.TaggingService/Tag\"} 1\n"));
  EXPECT_THAT(metrics_->Text(),
              HasSubstr("fintag_request_duration_seconds_count{method=\"fintag.v1.TaggingService/Tag\"} 1\n"));
}

TEST_F(RunCallTest, AMethodWithoutARoleIsRefused) {
  method_ = "fintag.v1.TaggingService/Untag";
  bool run = false;
  const grpc::Status refused = Run([&] {
    run = true;
    return absl::OkStatus();
  });
  EXPECT_FALSE(run);
  EXPECT_EQ(refused.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("Untag is open to no role"));
}

TEST_F(RunCallTest, MessagesStayOutOfTheLog) {
  EXPECT_EQ(Run([] { return absl::InvalidArgumentError("Zarathustra"); }).error_message(), "Zarathustra");
  EXPECT_THAT(log_, HasSubstr("info call method=fintag.v1.TaggingService/Tag code=INVALID_ARGUMENT"));
  EXPECT_THAT(log_, Not(HasSubstr("Zarathustra")));
  Run([] { return absl::InternalError("Zarathustra"); });
  EXPECT_THAT(log_, HasSubstr("error call"));
}

TEST_F(RunCallTest, ExceptionsAreTheCallsErrors) {
  EXPECT_EQ(Run([]() -> absl::Status { throw std::runtime_error("broken"); }).error_code(), grpc::INTERNAL);
  EXPECT_EQ(Run([]() -> absl::Status { throw std::bad_alloc(); }).error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(metrics_->Text(),
              HasSubstr("fintag_requests_total{code=\"INTERNAL\",method=\"fintag.v1.TaggingService/Tag\"} 1\n"));
}

TEST_F(RunCallTest, CallsBeyondTheLimitAreRefusedCountedAndLogged) {
  std::optional<CallLimit::Place> first(calls_), second(calls_);
  bool run = false;
  const grpc::Status refused = Run([&] {
    run = true;
    return absl::OkStatus();
  });
  EXPECT_FALSE(run);
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.error_message(), "the server has its 2 calls already");
  EXPECT_THAT(refused.error_details(), HasSubstr("google.rpc.RetryInfo"));
  EXPECT_THAT(log_, HasSubstr("info call method=fintag.v1.TaggingService/Tag code=RESOURCE_EXHAUSTED"));
  EXPECT_THAT(
      metrics_->Text(),
      HasSubstr("fintag_requests_total{code=\"RESOURCE_EXHAUSTED\",method=\"fintag.v1.TaggingService/Tag\"} 1\n"));
  second.reset();
  EXPECT_TRUE(Run([] { return absl::OkStatus(); }).ok());
  EXPECT_TRUE(Run([] { return absl::OkStatus(); }).ok());
}

TEST_F(RunCallTest, WhatChangesStateIsWrittenDownBeforeItsAnswer) {
  const auto text = [&] {
    std::ifstream file(folder_.path() / "audit.log");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  Run([] { return absl::OkStatus(); });  // Tag
  EXPECT_EQ(text(), "");
  method_ = "fintag.v1.ModelService/ImportModel";
  Run([&](Call& call) {
    call.resource = "models/a/versions/3";
    return absl::OkStatus();
  });
  EXPECT_THAT(text(), ContainsRegex("\"caller\":\"anyone\",.*ImportModel\",\"resource\":\"models/a/versions/3\","
                                    "\"code\":\"OK\",\"trace_id\":\"[0-9a-f]{32}\""));
  Run([](Call& call) {
    call.resource = "Zarathustra";
    return absl::InvalidArgumentError("Zarathustra");
  });
  EXPECT_THAT(text(), HasSubstr("\"resource\":\"\",\"code\":\"INVALID_ARGUMENT\""));
  EXPECT_THAT(text(), Not(HasSubstr("Zarathustra")));
  EXPECT_EQ(audit_->entries(), 2);
}

}  // namespace
}  // namespace fintag::server
