#include "client/bench/target.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/channel.h"

namespace fintag::bench {

absl::StatusOr<Target> Target::Open(const Options& options) {
  grpc::ChannelArguments arguments = client::ArgumentsFor(options.server);
  arguments.SetUserAgentPrefix("fintag-bench");
  // Channels to one address would otherwise share one TCP connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  Target target;
  for (int32_t i = 0; i < ConnectionsOf(options); ++i) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel =
        client::MakeChannel(options.server, options.security, arguments);
    if (!channel.ok()) return channel.status();
    target.channels_.push_back(*std::move(channel));
    target.stubs_.push_back(std::make_unique<grpc::GenericStub>(target.channels_.back()));
  }
  return target;
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
