// Ranks as threads of the test: each has connections of its own, as a process has.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "core/ranks/rank_group.h"

namespace fintag {

// A port that nobody listens at just now.
inline uint16_t FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(listener);
  return ntohs(address.sin_port);
}

// Runs `body` as each of `ranks` ranks, once all have met, and waits for all. `stop`, where given, is that of every
// rank.
inline void RunRanks(int32_t ranks, const std::function<void(RankGroup&)>& body, std::atomic<bool>* stop = nullptr) {
  const uint16_t port = FreePort();
  std::atomic<bool> never = false;
  std::latch met(ranks);
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      RankPlace place;
      place.rank = rank;
      place.ranks = ranks;
      place.host = "127.0.0.1";
      place.port = port;
      auto group = RankGroup::Connect(place, stop == nullptr ? never : *stop);
      met.arrive_and_wait();  // one that fails at once would end the meeting of the others
      ASSERT_TRUE(group.ok()) << group.status();
      body(**group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace fintag
