#include "client/channel.h"

#include <fintag/v1/training.grpc.pb.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/client/fake_server.h"
#include "tests/client/test_folder.h"

namespace fintag::client {
namespace {

// Remembers the tokens that came.
class FakeTraining final : public fintag::v1::TrainingService::Service {
 public:
  grpc::Status ListJobs(grpc::ServerContext* context, const fintag::v1::ListJobsRequest*,
                        fintag::v1::ListJobsResponse*) override {
    tokens.clear();
    const auto [begin, end] = context->client_metadata().equal_range("authorization");
    for (auto i = begin; i != end; ++i) tokens.emplace_back(i->second.data(), i->second.size());
    return grpc::Status::OK;
  }
  std::vector<std::string> tokens;
};

absl::Status Error(const Security& security, const std::string& address = "localhost:1") {
  return Client::Connect({.server = address, .security = security}).status();
}

TEST(Channel, SendsTheTokenWithEachCall) {
  FakeTraining training;
  const FakeServer server({&training});
  Client client = server.MakeClient({.security = {.token = "secret"}});
  for (int call = 0; call < 2; ++call) {
    ASSERT_TRUE(client.ListJobs().ok());
    EXPECT_EQ(training.tokens, std::vector<std::string>{"Bearer secret"});
  }
  ASSERT_TRUE(server.MakeClient().ListJobs().ok());
  EXPECT_TRUE(training.tokens.empty());
}

TEST(Channel, KeepsTheTokenFromTravellingUnencrypted) {
  const absl::Status refused = Error({.token = "secret"}, "tags.example:50051");
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_NE(refused.message().find("unencrypted"), absl::string_view::npos);
  EXPECT_EQ(refused.message().find("secret"), absl::string_view::npos);
  EXPECT_TRUE(Error({.tls = true, .token = "secret"}, "tags.example:50051").ok());
  EXPECT_TRUE(Error({.token = "secret", .insecure_token = true}, "tags.example:50051").ok());
  EXPECT_TRUE(Error({.token = "secret"}, "127.0.0.1:1").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.token = "secret"}, "127.0.0.1.example:50051")));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.token = "two words"})));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.token = "line\n"})));
}

TEST(Channel, SaysWhichFileIsWrong) {
  const TestFolder folder;
  const std::string text = folder.Write("text", "no PEM");
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.ca_file = text})));
  EXPECT_NE(Error({.ca_file = text}).message().find(text), absl::string_view::npos);
  EXPECT_TRUE(absl::IsNotFound(Error({.ca_file = folder.Path("none")})));
  EXPECT_FALSE(Error({.ca_file = folder.Path(".")}).ok());  // a folder
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.certificate_file = text})));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({.key_file = text})));
}

}  // namespace
}  // namespace fintag::client
