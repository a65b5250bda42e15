// What the load generator sends, where, and for how long.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace fintag::bench {

enum class Protocol {
  kFintag,     // fintag.v1.TaggingService/Tag
  kInference,  // inference.GRPCInferenceService/ModelInfer, the Open Inference Protocol
};

struct Options {
  // "HOST:PORT", "[IPV6]:PORT" or "unix:PATH".
  std::string server = "localhost:50051";
  client::Security security = {};
  Protocol protocol = Protocol::kFintag;
  // kFintag: by its id or in full, with or without a version. kInference: sent as it is.
  std::string model;
  // kInference: the tensor of the texts, BYTES [texts].
  std::string input = "TEXT";

  // Closed loop, unless `rate` is set: so many callers, each of which sends its next request when its last is answered.
  int32_t clients = 8;
  // Open loop: so many requests a second, at times drawn from a Poisson process, whatever the answers do.
  std::optional<double> rate;
  // Open loop: a request whose time comes while so many are unanswered is not sent, and counted as such.
  int32_t max_outstanding = 10'000;

  // Load before the clock runs, not counted.
  absl::Duration warm_up = absl::Seconds(2);
  // How long is measured, unless `requests` is set.
  absl::Duration duration = absl::Seconds(10);
  // Measures so many requests instead.
  std::optional<int64_t> requests;

  // Of one request.
  int32_t texts = 1;
  // Of one request, from its sending.
  absl::Duration timeout = absl::Seconds(30);
  // TCP connections, shared in turn. Unset: see ConnectionsOf.
  std::optional<int32_t> connections;
  // Of the order of the texts and the times of the open loop.
  uint64_t seed = 1;
};

// INVALID_ARGUMENT that begins with the wrong field, named as its command line option ("warm-up"), and says what is
// allowed.
absl::Status CheckOptions(const Options& options);

// `connections`, or where that is unset one a client up to 64; 16 in an open loop.
int32_t ConnectionsOf(const Options& options);

}  // namespace fintag::bench
