#include "server/telemetry/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <chrono>

namespace fintag::server {
namespace {

using ::testing::HasSubstr;

class HttpEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto endpoint = HttpEndpoint::Start("localhost", 0, *metrics_, ready_);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *std::move(endpoint);
  }

  httplib::Client Client() const { return httplib::Client("localhost", endpoint_->port()); }

  std::unique_ptr<Metrics> metrics_ = Metrics::Create();
  std::atomic<bool> ready_ = false;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

TEST_F(HttpEndpointTest, ServesTheMetricsAsPrometheusWantsThem) {
  metrics_->OnRequest("fintag.v1.TaggingService/Tag", "OK", 0.01);
  const auto answer = Client().Get("/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer->body, HasSubstr("fintag_requests_total{"));
}

TEST_F(HttpEndpointTest, ReadinessFollowsTheServer) {
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  EXPECT_EQ(Client().Get("/readyz")->status, 503);
  ready_ = true;
  EXPECT_EQ(Client().Get("/readyz")->status, 200);
  ready_ = false;
  EXPECT_EQ(Client().Get("/readyz")->status, 503);
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  EXPECT_EQ(Client().Get("/other")->status, 404);
}

TEST_F(HttpEndpointTest, TakenPortIsAnError) {
  const auto second = HttpEndpoint::Start("localhost", endpoint_->port(), *metrics_, ready_);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(endpoint_->port())));
}

TEST_F(HttpEndpointTest, PortIsFreeAgainAtOnce) {
  const int port = endpoint_->port();
  ASSERT_TRUE(Client().Get("/healthz"));
  endpoint_.reset();
  auto next = HttpEndpoint::Start("localhost", port, *metrics_, ready_);
  EXPECT_TRUE(next.ok()) << next.status();
}

TEST_F(HttpEndpointTest, LargeBodiesAreRefused) {
  const auto answer = Client().Post("/metrics", std::string(1 << 20, 'x'), "text/plain");
  EXPECT_TRUE(!answer || answer->status >= 400);
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
}

TEST_F(HttpEndpointTest, IdleConnectionsDoNotHoldUpTheEnd) {
  httplib::Client client = Client();
  client.set_keep_alive(true);
  ASSERT_TRUE(client.Get("/healthz"));
  const auto start = std::chrono::steady_clock::now();
  endpoint_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

}  // namespace
}  // namespace fintag::server
