#include "client/channel.h"

#include <grpcpp/support/client_interceptor.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fintag::client {
namespace {

// Answers with every word's tag are some ten times the text.
constexpr int kLargestAnswerBytes = 256 << 20;
// A list of wrong fields travels in the metadata, of which a channel takes 8 KiB unless told otherwise.
constexpr int kLargestMetadataBytes = 1 << 20;

bool IsLoopback(const std::string& address) {
  // "127.0.0.1.example.org" is a name like any other.
  const bool is_127 = address.rfind("127.", 0) == 0 && address.find_first_not_of("0123456789.:") == std::string::npos;
  return is_127 || address.rfind("localhost:", 0) == 0 || address.rfind("[::1]:", 0) == 0 ||
         address.rfind("unix:", 0) == 0;
}

// gRPC's own call credentials would not let a token travel within one machine unencrypted.
class TokenSender final : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(const std::string& token) : token_(token) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", "Bearer " + token_);
    }
    methods->Proceed();
  }

 private:
  const std::string& token_;  // the factory's, which lives as long as the channel
};

class TokenSenderFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenderFactory(std::string token) : token_(std::move(token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*) override {
    return new TokenSender(token_);
  }

 private:
  const std::string token_;
};

absl::StatusOr<std::string> ReadPem(const std::string& path, const char* what) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream stream;
  stream << file.rdbuf();  // nothing of a folder, which an iterator would throw of
  if (!file) return absl::ErrnoToStatus(errno == 0 ? EIO : errno, absl::StrCat("cannot read ", path));
  std::string content = std::move(stream).str();
  if (content.find("-----BEGIN ") == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no PEM file of ", what));
  }
  return content;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const Security& security) {
  if (security.certificate_file.empty() != security.key_file.empty()) {
    return absl::InvalidArgumentError("a client's certificate and its key go together: give both");
  }
  if (!security.encrypted()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  for (const auto& [path, what, content] :
       {std::tuple(&security.ca_file, "certificates", &options.pem_root_certs),
        std::tuple(&security.certificate_file, "certificates", &options.pem_cert_chain),
        std::tuple(&security.key_file, "a private key", &options.pem_private_key)}) {
    absl::StatusOr<std::string> read = ReadPem(*path, what);
    if (!read.ok()) return read.status();
    *content = *std::move(read);
  }
  return grpc::SslCredentials(options);
}

absl::Status CheckToken(const std::string& address, const Security& security) {
  if (!std::all_of(security.token.begin(), security.token.end(),
                   [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); })) {
    return absl::InvalidArgumentError("the token must be printable ASCII without spaces");
  }
  if (security.token.empty() || security.encrypted() || security.insecure_token || IsLoopback(address)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the token would travel to ", address,
                                                 " unencrypted: give --tls or --tls-ca FILE (FINTAG_CA), or, "
                                                 "where something else encrypts the connection, --insecure-token"));
}

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  if (address.rfind("unix:", 0) == 0 && address.size() > 5) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  int port = 0;
  const bool whole = colon != std::string::npos && colon > 0 && absl::SimpleAtoi(address.substr(colon + 1), &port) &&
                     port > 0 && port < 65536;
  const std::string host = whole ? address.substr(0, colon) : "";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (whole && (bracketed || host.find_first_of(":/ []") == std::string::npos)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the server's address must be HOST:PORT, such as localhost:50051; it is \"", address, "\""));
}

grpc::ChannelArguments ArgumentsFor(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestAnswerBytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kLargestMetadataBytes);
  if (IsLoopback(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address, const Security& security,
                                                           const grpc::ChannelArguments& arguments) {
  if (absl::Status status = CheckAddress(address); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = MakeCredentials(security);
  if (!credentials.ok()) return credentials.status();
  if (absl::Status status = CheckToken(address, security); !status.ok()) return status;
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!security.token.empty()) interceptors.push_back(std::make_unique<TokenSenderFactory>(security.token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(address, *credentials, arguments,
                                                                 std::move(interceptors));
}

}  // namespace fintag::client
