// Ctrl-C, for as long as this lives: `on_interrupt` runs on a thread of its own, the second Ctrl-C ends the program.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace fintag::client {

class Interrupt {
 public:
  // One at a time.
  explicit Interrupt(std::function<void()> on_interrupt);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool happened() const { return happened_; }

 private:
  int pipe_[2];
  struct sigaction before_ {};
  std::atomic<bool> happened_ = false;
  std::thread thread_;
};

}  // namespace fintag::client
