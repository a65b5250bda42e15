#include <fintag/v1/tagging.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/command_line.h"
#include "client/cli/message_json.h"
#include "client/connection.h"

namespace fintag::client {
namespace {

// gRPC's own health service, which knows the server as a whole and "a.Service".
class HealthyServer {
 public:
  HealthyServer() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&tagging_);  // a server needs one service of its own
    server_ = builder.BuildAndStart();
    grpc::EnableDefaultHealthCheckService(false);
    Set("a.Service", true);
  }
  ~HealthyServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "localhost:" + std::to_string(port_); }
  void Set(const std::string& service, bool serving) {
    server_->GetHealthCheckService()->SetServingStatus(service, serving);
  }

 private:
  int port_ = 0;
  fintag::v1::TaggingService::Service tagging_;
  std::unique_ptr<grpc::Server> server_;
};

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome RunHealth(const std::string& address, std::vector<std::string> arguments = {}) {
  std::vector<const char*> argv = {"fintag", "--server", address.c_str(), "health"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int status = RunCommandLine(static_cast<int>(argv.size()), argv.data(), out, err);
  return {status, out.str(), err.str()};
}

TEST(Health, ServesUntilTheServerSaysOtherwise) {
  HealthyServer server;
  EXPECT_EQ(RunHealth(server.address()).status, kDone);
  EXPECT_EQ(RunHealth(server.address(), {"--service", "a.Service"}).out, "a.Service  SERVING\n");
  server.Set("a.Service", false);
  const Outcome stopped = RunHealth(server.address(), {"--service", "a.Service"});
  EXPECT_EQ(stopped.status, kFailed);
  EXPECT_EQ(stopped.out, "a.Service  NOT_SERVING\n");
  EXPECT_EQ(RunHealth(server.address()).status, kDone);
}

TEST(Health, WritesJson) {
  HealthyServer server;
  server.Set("", false);
  const Outcome outcome = RunHealth(server.address(), {"--json"});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_EQ(Json::parse(outcome.out), (Json{{"service", ""}, {"status", "NOT_SERVING"}}));
}

TEST(Health, NamesAServiceThatIsNotThere) {
  const HealthyServer server;
  const Outcome outcome = RunHealth(server.address(), {"--service", "Tagging"});
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("does not know the service \"Tagging\""), std::string::npos) << outcome.err;
}

// A health check must not outlast its interval.
TEST(Health, DoesNotTryAgainWhereNobodyListens) {
  std::string address;
  {
    const HealthyServer server;
    address = server.address();
  }
  const absl::Time start = absl::Now();
  const Outcome outcome = RunHealth(address);
  EXPECT_EQ(outcome.status, kFailed);
  EXPECT_NE(outcome.err, "");
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

}  // namespace
}  // namespace fintag::client
