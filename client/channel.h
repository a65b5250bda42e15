// The way to a server: encrypted or not, with a token or without. Not part of the library's interface.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/client.h"

namespace fintag::client {

// INVALID_ARGUMENT unless it is HOST:PORT, [IPV6]:PORT or unix:PATH.
absl::Status CheckAddress(const std::string& address);

// What every channel to `address` needs: room for long answers, and no proxy on the way to this machine.
grpc::ChannelArguments ArgumentsFor(const std::string& address);

// A channel whose every call carries the token, if there is one. INVALID_ARGUMENT: files that do not go together or are
// no PEM, or a token that would travel unencrypted to another machine; or the error of a file that cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& address, const Security& security,
                                                           const grpc::ChannelArguments& arguments);

}  // namespace fintag::client
