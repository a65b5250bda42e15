#include "client/bench/target.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/connection.h"

namespace fintag::bench {

Target::Target(const Options& options) {
  grpc::ChannelArguments arguments = client::ArgumentsFor(options.server);
  arguments.SetUserAgentPrefix("fintag-bench");
  // Channels to one address would otherwise share one TCP connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (int32_t i = 0; i < ConnectionsOf(options); ++i) {
    channels_.push_back(grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments));
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
  }
}

absl::Status Target::Connect(absl::Duration timeout, const std::function<bool()>& stopped) {
  constexpr absl::Duration kBetweenLooks = absl::Milliseconds(100);
  const absl::Time deadline = absl::Now() + timeout;
  for (const std::shared_ptr<grpc::Channel>& channel : channels_) channel->GetState(/*try_to_connect=*/true);
  for (size_t i = 0; i < channels_.size(); ++i) {
    while (!channels_[i]->WaitForConnected(absl::ToChronoTime(std::min(deadline, absl::Now() + kBetweenLooks)))) {
      if (stopped()) return absl::CancelledError("interrupted");
      if (absl::Now() >= deadline) {
        return absl::UnavailableError(absl::StrCat("only ", i, " of ", channels_.size(),
                                                   " connections could be opened: ask for fewer with --connections"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace fintag::bench
