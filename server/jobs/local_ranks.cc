#include "server/jobs/local_ranks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <thread>

#include "core/text/strings.h"

namespace fintag::server {
namespace {

// The others learn of a lost rank by themselves, and rank 0 writes it down, which takes some seconds.
// Bash, which takes note of its children's ends as they come. (Its `wait -n` misses one that has ended before.) The
// first arguments look as the trainer's, by which the group is found again.
constexpr char kScript[] = R"(
trainer=$3 processes=$4 ranks=()
trap : TERM
for ((rank = 0; rank < processes; ++rank)); do
  RANK=$rank LOCAL_RANK=$rank "$trainer" --job "$2" &
  ranks[rank]=$!
done
while [ ${#ranks[@]} -gt 0 ]; do
  sleep 0.1
  for rank in "${!ranks[@]}"; do
    kill -0 "${ranks[rank]}" 2>/dev/null && continue
    wait "${ranks[rank]}"
    status=$?
    unset "ranks[rank]"
    [ $status = 0 ] && continue
    echo "rank $rank of $processes ended with status $status: the others have 10 seconds to end" >&2
    for ((look = 0; look < 100; ++look)); do
      kill -0 "${ranks[@]}" 2>/dev/null || break
      sleep 0.1
    done
    [ ${#ranks[@]} = 0 ] || kill -KILL "${ranks[@]}" 2>/dev/null
    wait
    exit $status
  done
done
)";

absl::StatusOr<int> FreePort() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool found = descriptor >= 0 && bind(descriptor, any, size) == 0 && getsockname(descriptor, any, &size) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (!found) return absl::ErrnoToStatus(error, "no port for the trainers to meet at");
  return ntohs(address.sin_port);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RankEnvironment(int32_t processes, const char* const* server) {
  absl::StatusOr<int> port = FreePort();
  if (!port.ok()) return port.status();
  std::vector<std::string> environment = {StrCat("WORLD_SIZE=", processes), "MASTER_ADDR=127.0.0.1",
                                          StrCat("MASTER_PORT=", *port), "GLOO_SOCKET_IFNAME=lo"};
  bool told = false;
  for (; *server != nullptr; ++server) told = told || std::string_view(*server).starts_with("OMP_NUM_THREADS=");
  if (!told) {
    const auto processors = static_cast<int32_t>(std::thread::hardware_concurrency());
    environment.push_back(StrCat("OMP_NUM_THREADS=", std::max(1, processors / processes)));
  }
  return environment;
}

std::vector<std::string> RankGroupCommand(int32_t processes, const std::string& trainer, const std::string& folder) {
  return {"/bin/bash", "-c", kScript, "fintag-ranks", "--job", folder, trainer, StrCat(processes)};
}

}  // namespace fintag::server
