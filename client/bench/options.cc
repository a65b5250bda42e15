#include "client/bench/options.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace fintag::bench {
namespace {

constexpr int32_t kMostClients = 65'536;
constexpr int32_t kMostConnections = 4'096;
constexpr int32_t kMostTexts = 65'536;
constexpr double kHighestRate = 1e6;
constexpr absl::Duration kLongest = absl::Hours(24);

absl::Status Wrong(const std::string& field, const std::string& allowed, const std::string& value) {
  return absl::InvalidArgumentError(absl::StrCat(field, " must be ", allowed, "; it is ", value));
}

absl::Status CheckCount(const std::string& field, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return absl::OkStatus();
  return Wrong(field, absl::StrCat("1 to ", most), absl::StrCat(value));
}

absl::Status CheckSeconds(const std::string& field, absl::Duration value, bool may_be_zero) {
  const bool enough = may_be_zero ? value >= absl::ZeroDuration() : value > absl::ZeroDuration();
  if (enough && value <= kLongest) return absl::OkStatus();
  return Wrong(field,
               absl::StrCat(may_be_zero ? "0" : "above 0", " and at most ", absl::ToInt64Seconds(kLongest), " seconds"),
               absl::StrCat(absl::ToDoubleSeconds(value)));
}

}  // namespace

absl::Status CheckOptions(const Options& options) {
  if (options.model.empty()) return absl::InvalidArgumentError("model must not be empty");
  if (options.input.empty()) return absl::InvalidArgumentError("input must not be empty");
  // Not a number is no rate either.
  if (const double rate = options.rate.value_or(1); !(rate > 0 && rate <= kHighestRate)) {
    return Wrong("rate", absl::StrCat("above 0 and at most ", kHighestRate, " requests a second"), absl::StrCat(rate));
  }
  for (const absl::Status& status : {
           CheckCount("clients", options.clients, kMostClients),
           CheckCount("max-outstanding", options.max_outstanding, 1'000'000),
           CheckCount("requests", options.requests.value_or(1), 1'000'000'000),
           CheckCount("texts", options.texts, kMostTexts),
           CheckCount("connections", options.connections.value_or(1), kMostConnections),
           CheckSeconds("warm-up", options.warm_up, /*may_be_zero=*/true),
           CheckSeconds("duration", options.duration, /*may_be_zero=*/false),
           CheckSeconds("timeout", options.timeout, /*may_be_zero=*/false),
       }) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

int32_t ConnectionsOf(const Options& options) {
  constexpr int32_t kMostByDefault = 64;
  constexpr int32_t kInOpenLoop = 16;
  if (options.connections.has_value()) return *options.connections;
  return options.rate.has_value() ? kInOpenLoop : std::min(options.clients, kMostByDefault);
}

}  // namespace fintag::bench
