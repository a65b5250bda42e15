#include "server/api/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace fintag::server {
namespace {

// A connection to 127.0.0.1, or -1.
int Connect(int port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(file, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return file;
  close(file);
  return -1;
}

// What came, from any thread.
struct Seen {
  absl::Mutex mutex;
  std::vector<int> connections;
  std::vector<int> errors;

  bool WaitFor(const std::function<bool()>& condition) {
    absl::MutexLock lock(&mutex);
    return mutex.AwaitWithDeadline(absl::Condition(&condition), absl::Now() + absl::Seconds(20));
  }
};

std::unique_ptr<Listener> Listen(Seen& seen, const std::string& address = "localhost:0") {
  auto listener = Listener::Bind(address).value();
  listener->Start(
      [&seen](int, int connection) {
        absl::MutexLock lock(&seen.mutex);
        seen.connections.push_back(connection);
      },
      [&seen](int error) {
        absl::MutexLock lock(&seen.mutex);
        seen.errors.push_back(error);
      });
  return listener;
}

TEST(Listener, GivesConnectionsAway) {
  for (const char* address : {"localhost:0", "127.0.0.1:0", "0.0.0.0:0", "[::]:0"}) {
    Seen seen;
    const auto listener = Listen(seen, address);
    ASSERT_GT(listener->port(), 0);
    const int client = Connect(listener->port());
    ASSERT_GE(client, 0) << address;
    ASSERT_TRUE(seen.WaitFor([&] { return seen.connections.size() == 1; }));
    ASSERT_EQ(write(client, "x", 1), 1);
    char byte = 0;
    while (read(seen.connections[0], &byte, 1) < 0 && errno == EAGAIN) {
    }
    EXPECT_EQ(byte, 'x');
    listener->Stop();
    EXPECT_EQ(Connect(listener->port()), -1);
    close(client);
    close(seen.connections[0]);
  }
}

TEST(Listener, SaysThatAPortIsTaken) {
  Seen seen;
  const auto first = Listen(seen);
  const std::string address = "localhost:" + std::to_string(first->port());
  const absl::Status taken = Listener::Bind(address).status();
  EXPECT_TRUE(absl::IsUnavailable(taken)) << taken;
  EXPECT_NE(taken.ToString().find("cannot listen at " + address), std::string::npos);
  EXPECT_TRUE(absl::IsUnavailable(Listener::Bind("no.such.host.invalid:0").status()));
}

TEST(Listener, TurnsConnectionsAwayWithoutDescriptorsAndTakesThemAgain) {
  Seen seen;
  const auto listener = Listen(seen);
  // Those of the clients first: they come out of the same limit.
  std::vector<int> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(socket(AF_INET, SOCK_STREAM, 0));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {static_cast<rlim_t>(clients.back()) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(listener->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(clients[0], reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  char byte;
  EXPECT_LE(read(clients[0], &byte, 1), 0);  // closed, and not kept waiting
  EXPECT_TRUE(seen.WaitFor([&] { return seen.errors == std::vector<int>{EMFILE}; }));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(connect(clients[1], reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(seen.WaitFor([&] { return seen.connections.size() == 1; }));
  EXPECT_TRUE(seen.WaitFor([&] { return seen.errors == (std::vector<int>{EMFILE, 0}); }));
}

}  // namespace
}  // namespace fintag::server
