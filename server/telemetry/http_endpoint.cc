#include "server/telemetry/http_endpoint.h"

#include <httplib.h>
#include <sys/socket.h>

#include <thread>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr int kThreads = 4;
constexpr int kIdleSeconds = 1;
constexpr size_t kLargestBody = 4096;  // nothing here takes one
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

class Endpoint final : public HttpEndpoint {
 public:
  Endpoint(Metrics& metrics, const std::atomic<bool>& ready) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // The library's default would let a second server share the port, and scrapes with it.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.set_payload_max_length(kLargestBody);
    // An idle connection holds a thread, and the end of the server up.
    server_.set_keep_alive_timeout(kIdleSeconds);
    server_.Get("/metrics", [&metrics](const httplib::Request&, httplib::Response& response) {
      response.set_content(metrics.Text(), kMetricsType);
    });
    server_.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain");
    });
    server_.Get("/readyz", [&ready](const httplib::Request&, httplib::Response& response) {
      response.status = ready ? 200 : 503;
      response.set_content(ready ? "ready\n" : "not ready\n", "text/plain");
    });
  }

  ~Endpoint() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& host, int port) {
    port_ = port == 0 ? server_.bind_to_any_port(host.c_str()) : (server_.bind_to_port(host.c_str(), port) ? port : -1);
    if (port_ < 0) {
      return absl::UnavailableError(
          StrCat("cannot listen at ", host, ":", port, ": another program may have the port (--metrics-listen)"));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() before the loop runs would be lost.
    while (!server_.is_running()) std::this_thread::yield();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& host, int port, Metrics& metrics,
                                                                  const std::atomic<bool>& ready) {
  auto endpoint = std::make_unique<Endpoint>(metrics, ready);
  if (absl::Status status = endpoint->Listen(host, port); !status.ok()) return status;
  return endpoint;
}

}  // namespace fintag::server
