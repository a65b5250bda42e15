// The port of the gRPC API. gRPC would listen by itself, but the version that Debian has stops doing so for ever once
// the process has run out of file descriptors (it gives the port up at the first error of accept). Here connections are
// turned away until there are some again. Can go with a gRPC that tries again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace fintag::server {

class Listener {
 public:
  // Takes an open connection over, of the socket `listener`.
  using Taker = std::function<void(int listener, int connection)>;
  // Told with an errno when connections begin to be turned away, and with 0 when they are taken again.
  using Observer = std::function<void(int error)>;

  // `address` is HOST:PORT, port 0 for any free one. Every address that HOST stands for is listened at; 0.0.0.0 and
  // [::] both stand for all of the machine's. UNAVAILABLE if the port cannot be had.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const std::string& address);
  virtual ~Listener() = default;

  virtual int port() const = 0;
  // From a thread of its own, until Stop.
  virtual void Start(Taker take, Observer observer) = 0;
  // No connection is taken once this returns.
  virtual void Stop() = 0;
};

}  // namespace fintag::server
