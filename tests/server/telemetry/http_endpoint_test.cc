#include "server/telemetry/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/server/security/certificates.h"

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

TEST_F(HttpEndpointTest, EveryAnswerHasTheSecurityHeaders) {
  for (const char* path : {"/metrics", "/readyz", "/none"}) {
    const auto answer = Client().Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->get_header_value("Content-Security-Policy"), "default-src 'none'") << path;
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store") << path;
  }
  HttpPages pages;
  pages.answer = [](const HttpRequest&) {
    HttpResponse response;
    response.headers = {{"Content-Security-Policy", "default-src 'self'"}};
    return response;
  };
  endpoint_ = *HttpEndpoint::Start("localhost", 0, *metrics_, ready_, pages);
  const auto page = Client().Get("/");
  EXPECT_EQ(page->get_header_value_count("Content-Security-Policy"), 1);
  EXPECT_EQ(page->get_header_value("Content-Security-Policy"), "default-src 'self'");
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

TEST_F(HttpEndpointTest, PagesAnswerWhatIsNotItsOwn) {
  HttpPages pages;
  pages.max_body_bytes = 1000;
  pages.answer = [](const HttpRequest& request) {
    HttpResponse response;
    response.status = request.path == "/none" ? 404 : 200;
    response.content_type = "text/x";
    response.body = request.method + " " + request.path + " " + request.body;
    for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
    response.headers = {{"X-Type", request.headers.contains("content-type") ? request.headers.at("content-type") : ""}};
    return response;
  };
  endpoint_ = *HttpEndpoint::Start("localhost", 0, *metrics_, ready_, pages);
  const auto page = Client().Get("/a/b%20c?x=1&y=%26");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->body, "GET /a/b c  x=1 y=&");
  EXPECT_EQ(page->get_header_value("Content-Type"), "text/x");
  EXPECT_EQ(page->get_header_value("Connection"), "close");  // no thread waits for a browser's next question
  const auto post = Client().Post("/p", "body", "text/plain");
  EXPECT_EQ(post->body, "POST /p body");
  EXPECT_EQ(post->get_header_value("X-Type"), "text/plain");
  EXPECT_EQ(Client().Get("/none")->status, 404);
  EXPECT_THAT(Client().Get("/metrics")->body, HasSubstr("# HELP"));
  EXPECT_EQ(Client().Get("/healthz")->body, "ok\n");
  EXPECT_EQ(Client().Post("/p", std::string(1001, 'x'), "text/plain")->status, 413);
  const auto removal = Client().Delete("/p");
  EXPECT_TRUE(removal && removal->status >= 400);
}

// However many pages hang, Prometheus and the health checks get their answers at once.
TEST_F(HttpEndpointTest, PagesNeverTakeEveryThread) {
  std::atomic<bool> let_go = false;
  std::atomic<int> inside = 0;
  HttpPages pages;
  pages.answer = [&](const HttpRequest&) {
    ++inside;
    while (!let_go) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return HttpResponse();
  };
  endpoint_ = *HttpEndpoint::Start("localhost", 0, *metrics_, ready_, pages);
  std::vector<std::thread> browsers;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 40; ++i) {
    browsers.emplace_back([&] {
      httplib::Client client = Client();
      client.set_read_timeout(30);
      const auto answer = client.Get("/slow");
      if (answer && answer->status == 503) ++refused;
    });
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (refused < 40 - HttpEndpoint::kMostPageRequests && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(refused, 40 - HttpEndpoint::kMostPageRequests);
  EXPECT_EQ(inside, HttpEndpoint::kMostPageRequests);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  EXPECT_EQ(Client().Get("/metrics")->status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  let_go = true;
  for (std::thread& browser : browsers) browser.join();
}

class SecureHttpEndpointTest : public HttpEndpointTest {
 protected:
  void Start(const TlsFiles& files, const Access* access = nullptr) {
    auto tls = Reloaded<ServerTls>::Load(
        files.All(), [files](const FileContents& contents) { return MakeServerTls(files, contents); },
        [this](const absl::Status& status, const ServerTls&) { reloaded_ += status.ok(); }, absl::Milliseconds(20));
    ASSERT_TRUE(tls.ok()) << tls.status();
    endpoint_.reset();
    tls_ = *std::move(tls);
    ready_ = true;
    auto endpoint = HttpEndpoint::Start("localhost", 0, *metrics_, ready_, {}, {tls_.get(), access});
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *std::move(endpoint);
  }
  void TearDown() override { endpoint_.reset(); }

  // 0: no connection was made.
  int Ask(const std::string& path, const TlsFiles& own = {}) {
    httplib::SSLClient client("localhost", endpoint_->port(), own.certificate.string(), own.key.string());
    client.set_ca_cert_path(certificates_.ca().c_str());
    const auto answer = client.Get(path);
    return answer ? answer->status : 0;
  }

  const Certificates certificates_;
  std::unique_ptr<Reloaded<ServerTls>> tls_;
  std::atomic<int> reloaded_ = 0;
};

TEST_F(SecureHttpEndpointTest, SpeaksTlsAlone) {
  Start(certificates_.Sign("server"));
  EXPECT_EQ(Ask("/metrics"), 200);
  EXPECT_FALSE(Client().Get("/metrics"));
  EXPECT_EQ(Ask("/metrics"), 200);
}

TEST_F(SecureHttpEndpointTest, ACertificateIsAskedForByAllButTheHealthChecks) {
  TlsFiles files = certificates_.Sign("server");
  files.client_ca = certificates_.ca();
  Start(files);
  const TlsFiles client = certificates_.Sign("client");
  EXPECT_EQ(Ask("/healthz"), 200);
  EXPECT_EQ(Ask("/readyz"), 200);
  EXPECT_EQ(Ask("/metrics"), 403);
  EXPECT_EQ(Ask("/metrics", client), 200);
  EXPECT_EQ(Ask("/healthz", Certificates().Sign("stranger")), 0);
  EXPECT_EQ(Ask("/healthz", certificates_.Sign("expired", -1)), 0);
}

TEST_F(SecureHttpEndpointTest, NewConnectionsGetNewFiles) {
  const TlsFiles files = certificates_.Sign("server");
  Start(files);
  // Of an authority that the client does not know: that it is shown is that it is in use.
  const Certificates others;
  const TlsFiles second = others.Sign("second");
  for (const auto& [from, to] : {std::pair(second.certificate, files.certificate), std::pair(second.key, files.key)}) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  }
  for (int i = 0; i < 1000 && reloaded_ == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(Ask("/healthz"), 0);
}

TEST_F(HttpEndpointTest, MetricsAskForATokenWhereTheApiDoes) {
  const std::filesystem::path file = testing::TempDir() + "/http_endpoint_tokens";
  // The SHA-256 of "first".
  std::ofstream(file) << "a viewer sha256:a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e\n";
  const auto tokens = *Reloaded<Tokens>::Load(
      {file}, [](const FileContents& contents) { return Tokens::Parse("tokens", contents[0]); },
      [](const absl::Status&, const Tokens&) {});
  const Access access(tokens.get());
  endpoint_ = *HttpEndpoint::Start("localhost", 0, *metrics_, ready_, {}, {nullptr, &access});
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  EXPECT_EQ(Client().Get("/metrics")->status, 401);
  EXPECT_EQ(Client().Get("/metrics", {{"Authorization", "Bearer second"}})->status, 401);
  EXPECT_EQ(Client().Get("/metrics", {{"Authorization", "bearer first"}})->status, 200);
}

}  // namespace
}  // namespace fintag::server
