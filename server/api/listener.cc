#include "server/api/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);  // after a connection was turned away
constexpr int kMostTries = 20;                           // at a port that is free at every address

// Errors of accept that are the connection's own, which is gone then.
bool IsOfConnection(int error) {
  return error == EINTR || error == EAGAIN || error == ECONNABORTED || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH ||
         error == ENOPROTOOPT || error == EOPNOTSUPP || error == ENONET;
}

void SetPort(sockaddr_storage& address, int port) {
  // At the same place in both.
  reinterpret_cast<sockaddr_in&>(address).sin_port = htons(static_cast<uint16_t>(port));
}

int PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// A listening socket, or -1 with errno.
int ListenAt(const sockaddr_storage& address, socklen_t size) {
  const int file = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (file < 0) return -1;
  const int yes = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // connections have it from here
  // IPv4 has sockets of its own.
  if (address.ss_family == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (bind(file, reinterpret_cast<const sockaddr*>(&address), size) == 0 && listen(file, SOMAXCONN) == 0) return file;
  const int error = errno;
  close(file);
  errno = error;
  return -1;
}

class PortListener final : public Listener {
 public:
  PortListener() : reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC)) {}

  ~PortListener() override {
    Stop();
    close(wake_);
    if (reserve_ >= 0) close(reserve_);
  }

  // The first of `addresses` that the machine has decides what port 0 is. 0 or an errno.
  int Open(const std::vector<std::pair<sockaddr_storage, socklen_t>>& addresses, int port) {
    int missing = EADDRNOTAVAIL;
    for (auto [address, size] : addresses) {
      SetPort(address, sockets_.empty() ? port : PortOf(sockets_.front()));
      const int file = ListenAt(address, size);
      if (file >= 0) {
        sockets_.push_back(file);
      } else if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
        missing = errno;  // a machine without IPv6
      } else {
        return errno;
      }
    }
    if (sockets_.empty()) return missing;
    port_ = PortOf(sockets_.front());
    return 0;
  }

  int port() const override { return port_; }

  void Start(Taker take, Observer observer) override {
    take_ = std::move(take);
    observer_ = std::move(observer);
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() override {
    const uint64_t one = 1;
    if (thread_.joinable() && write(wake_, &one, sizeof one) == sizeof one) thread_.join();
    for (const int file : sockets_) close(file);
    sockets_.clear();
  }

 private:
  void Run() {
    std::vector<pollfd> files = {{wake_, POLLIN, 0}};
    for (const int file : sockets_) files.push_back({file, POLLIN, 0});
    while (true) {
      if (poll(files.data(), files.size(), -1) < 0) continue;
      if (files[0].revents != 0) return;
      for (size_t i = 1; i < files.size(); ++i) {
        if (files[i].revents != 0) Accept(files[i].fd);
      }
    }
  }

  void Accept(int listener) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection >= 0) {
      Tell(0);
      take_(listener, connection);
    } else if (!IsOfConnection(errno)) {
      Tell(errno);
      TurnAway(listener);
      std::this_thread::sleep_for(kPause);
    }
  }

  // So that a caller learns at once that he must try again: the descriptor that is kept for it is free for a moment.
  void TurnAway(int listener) {
    if (reserve_ >= 0) close(reserve_);
    if (const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); connection >= 0) close(connection);
    reserve_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

  // Once for each change.
  void Tell(int error) {
    if ((error == 0) == (told_ == 0)) return;
    told_ = error;
    observer_(error);
  }

  int reserve_;
  const int wake_;
  std::vector<int> sockets_;
  int port_ = 0;
  Taker take_;
  Observer observer_;
  int told_ = 0;
  std::thread thread_;
};

absl::Status Unavailable(const std::string& address, std::string_view why) {
  return absl::UnavailableError(
      StrCat("cannot listen at ", address, " (", why, "): another program may have the port (--listen)"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return Unavailable(address, "it is not HOST:PORT");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::vector<std::string> hosts = {host};
  if (host == "0.0.0.0" || host == "::") hosts = {"::", "0.0.0.0"};

  std::vector<std::pair<sockaddr_storage, socklen_t>> addresses;
  for (const std::string& name : hosts) {
    addrinfo wanted = {};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(name.c_str(), address.c_str() + colon + 1, &wanted, &found); error != 0) {
      return Unavailable(address, gai_strerror(error));
    }
    const absl::Cleanup freeing = [found] { freeaddrinfo(found); };
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      sockaddr_storage storage = {};
      std::memcpy(&storage, one->ai_addr, one->ai_addrlen);
      addresses.emplace_back(storage, one->ai_addrlen);
    }
  }
  const int port = addresses.empty() ? 0 : ntohs(reinterpret_cast<sockaddr_in&>(addresses.front().first).sin_port);
  int error = EADDRNOTAVAIL;
  for (int tried = 0; tried < (port == 0 ? kMostTries : 1); ++tried) {
    auto listener = std::make_unique<PortListener>();
    error = listener->Open(addresses, port);
    if (error == 0) return listener;
  }
  return Unavailable(address, std::strerror(error));
}

}  // namespace fintag::server
