#include "server/telemetry/http_endpoint.h"

#include <httplib.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr int kThreads = HttpEndpoint::kMostPageRequests + 4;
constexpr int kIdleSeconds = 1;
constexpr int kReadSeconds = 2;
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

HttpRequest RequestOf(const httplib::Request& request) {
  HttpRequest out{request.method, request.path, {}, {}, request.body};
  for (const auto& [name, value] : request.params) out.query.emplace(name, value);
  for (const auto& [name, value] : request.headers) out.headers.emplace(absl::AsciiStrToLower(name), value);
  return out;
}

void Send(const HttpResponse& from, httplib::Response& response) {
  response.status = from.status;
  for (const auto& [name, value] : from.headers) response.set_header(name, value);
  response.set_content(from.body, from.content_type);
}

bool IsHealthCheck(const std::string& path) { return path == "/healthz" || path == "/readyz"; }

// The handshake goes on with what was last loaded.
int UseLatest(SSL* connection, int*, void* tls) {
  const std::shared_ptr<const ServerTls> latest = static_cast<const Reloaded<ServerTls>*>(tls)->Get();
  SSL_set_verify(connection, SSL_CTX_get_verify_mode(latest->context.get()), nullptr);
  return SSL_set_SSL_CTX(connection, latest->context.get()) == nullptr ? SSL_CLIENT_HELLO_ERROR
                                                                       : SSL_CLIENT_HELLO_SUCCESS;
}

std::unique_ptr<httplib::Server> MakeServer(const Reloaded<ServerTls>* tls) {
  if (tls == nullptr) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>([tls](SSL_CTX& context) {
    SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
    SSL_CTX_set_options(&context, SSL_CTX_get_options(tls->Get()->context.get()));
    SSL_CTX_set_client_hello_cb(&context, UseLatest, const_cast<Reloaded<ServerTls>*>(tls));
    return true;
  });
}

bool ShowsCertificate(const SSL* connection) {
  return connection != nullptr && SSL_get0_peer_certificate(connection) != nullptr &&
         SSL_get_verify_result(connection) == X509_V_OK;
}

class Endpoint final : public HttpEndpoint {
 public:
  Endpoint(Metrics& metrics, const std::atomic<bool>& ready, HttpPages pages, const HttpSecurity& security)
      : pages_(std::move(pages)), server_(MakeServer(security.tls)) {
    server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // The library's default would let a second server share the port, and scrapes with it.
    server_->set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    // Of answers that say nothing else, the library's own included.
    server_->set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      for (const auto& [name, value] : {std::pair("Content-Security-Policy", "default-src 'none'"),
                                        {"X-Content-Type-Options", "nosniff"},
                                        {"Cache-Control", "no-store"}}) {
        if (!response.has_header(name)) response.set_header(name, value);
      }
    });
    server_->set_payload_max_length(pages_.max_body_bytes);
    // A connection holds a thread, and the end of the server up: none is kept after its answer, or waited for long. A
    // browser alone opens six.
    server_->set_keep_alive_max_count(1);
    server_->set_keep_alive_timeout(kIdleSeconds);
    server_->set_read_timeout(kReadSeconds);
    if (security.tls != nullptr && !security.tls->Get()->client_ca.empty()) {
      server_->set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
        if (IsHealthCheck(request.path) || ShowsCertificate(request.ssl)) {
          return httplib::Server::HandlerResponse::Unhandled;
        }
        response.status = 403;
        response.set_content("a client certificate is needed\n", "text/plain");
        return httplib::Server::HandlerResponse::Handled;
      });
    }
    server_->Get("/metrics",
                 [&metrics, access = security.access](const httplib::Request& request, httplib::Response& response) {
                   if (access != nullptr && !access->Identify(request.get_header_value("Authorization")).ok()) {
                     response.status = 401;
                     response.set_header("WWW-Authenticate", "Bearer");
                     response.set_content("a valid token is needed\n", "text/plain");
                     return;
                   }
                   response.set_content(metrics.Text(), kMetricsType);
                 });
    server_->Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain");
    });
    server_->Get("/readyz", [&ready](const httplib::Request&, httplib::Response& response) {
      response.status = ready ? 200 : 503;
      response.set_content(ready ? "ready\n" : "not ready\n", "text/plain");
    });
    if (!pages_.answer) return;
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      AnswerPage(request, response);
    };
    server_->Get(".*", answer);
    server_->Post(".*", answer);
  }

  ~Endpoint() override {
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& host, int port) {
    port_ =
        port == 0 ? server_->bind_to_any_port(host.c_str()) : (server_->bind_to_port(host.c_str(), port) ? port : -1);
    if (port_ < 0) {
      return absl::UnavailableError(
          StrCat("cannot listen at ", host, ":", port, ": another program may have the port (--metrics-listen)"));
    }
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    // stop() before the loop runs would be lost.
    while (!server_->is_running()) std::this_thread::yield();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void AnswerPage(const httplib::Request& request, httplib::Response& response) {
    const int others = page_requests_++;
    const absl::Cleanup leave = [this] { --page_requests_; };
    if (others >= kMostPageRequests) {
      response.status = 503;
      response.set_header("Retry-After", "1");
      response.set_content("too many requests at once: try again\n", "text/plain");
      return;
    }
    Send(pages_.answer(RequestOf(request)), response);
  }

  const HttpPages pages_;
  std::atomic<int> page_requests_ = 0;
  const std::unique_ptr<httplib::Server> server_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& host, int port, Metrics& metrics,
                                                                  const std::atomic<bool>& ready, HttpPages pages,
                                                                  HttpSecurity security) {
  auto endpoint = std::make_unique<Endpoint>(metrics, ready, std::move(pages), security);
  if (absl::Status status = endpoint->Listen(host, port); !status.ok()) return status;
  return endpoint;
}

}  // namespace fintag::server
