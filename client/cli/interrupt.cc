#include "client/cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace fintag::client {
namespace {

constexpr char kInterrupted = 'i';
constexpr char kOver = 'o';

// A signal handler may do little more than write to a pipe.
std::atomic<int> write_end{-1};

void OnSignal(int) {
  const int saved = errno;
  [[maybe_unused]] const ssize_t ignored = write(write_end, &kInterrupted, 1);
  errno = saved;
}

}  // namespace

Interrupt::Interrupt(std::function<void()> on_interrupt) {
  if (pipe2(pipe_, O_CLOEXEC) != 0) {
    pipe_[0] = pipe_[1] = -1;  // Ctrl-C then ends the program as usual
    return;
  }
  write_end = pipe_[1];
  thread_ = std::thread([this, on_interrupt = std::move(on_interrupt)] {
    char cause = 0;
    while (read(pipe_[0], &cause, 1) < 0 && errno == EINTR) {
    }
    if (cause != kInterrupted) return;
    happened_ = true;
    on_interrupt();
  });
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &before_);
}

Interrupt::~Interrupt() {
  if (pipe_[0] < 0) return;
  sigaction(SIGINT, &before_, nullptr);
  [[maybe_unused]] const ssize_t ignored = write(pipe_[1], &kOver, 1);
  thread_.join();
  write_end = -1;
  close(pipe_[0]);
  close(pipe_[1]);
}

}  // namespace fintag::client
