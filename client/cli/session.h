// What every command of `fintag` has at hand: the global options, the two terminals, the connection, and the way to
// report success and failure.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "client/cli/terminal.h"
#include "client/client.h"

namespace fintag::client {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kInterrupted = 130;  // as shells have it: 128 + SIGINT

// Turns the field of a violation into the caller's word for it ("spec.options.epochs" into "--epochs").
using FieldWords = std::function<std::string(const std::string& field)>;

class Session {
 public:
  Session(std::ostream& out, std::ostream& err);

  // Set by the command line's options.
  std::string server;
  Security security;
  std::string token_file;
  // " --server HOST:PORT --tls": the options above, as another command needs them for the same server.
  std::string server_options;
  // Of all calls of one command: FINTAG_TRACEPARENT or TRACEPARENT of the environment, where it is well formed, else a
  // new one.
  std::string traceparent;
  bool json = false;
  double timeout_seconds = 0;  // 0: the library's own limits
  ColorChoice color = ColorChoice::kAuto;
  // The chosen command needs no server.
  bool offline = false;
  // What the chosen command does, and the exit status it ends with.
  std::function<int()> action;

  Terminal out() const { return Terminal::ForDescriptor(1, out_, color); }
  Terminal err() const { return Terminal::ForDescriptor(2, err_, color); }

  // What was given, with the token out of its file or out of FINTAG_TOKEN.
  absl::StatusOr<Security> LoadSecurity() const;

  // WRONG USAGE (INVALID_ARGUMENT) if the address is malformed, or as Client::Connect.
  absl::StatusOr<Client> Connect() const;

  // Each returns the exit status.
  int PrintJson(const Json& document) const;
  int Print(const std::string& text) const;
  int Fail(const absl::Status& status, const FieldWords& words = nullptr) const;
  int Misused(const std::string& message) const;

  // A note for a person, on the standard error.
  void Note(const std::string& text) const;

 private:
  // The id by which the server's log has the call that failed with `status`; empty where it has none.
  std::string FailedTrace(const absl::Status& status) const;

  std::ostream& out_;
  std::ostream& err_;
};

// One error as lines for a person, without a colour: connection trouble says what to check, violations follow one a
// line.
std::string ErrorText(const absl::Status& status, const std::string& server, const FieldWords& words = nullptr);
Json ErrorJson(const absl::Status& status, const std::string& server, const FieldWords& words = nullptr);

// A bar for a file transfer on the standard error: drawn only where there is a terminal and more than a few MB.
TransferProgress TransferBar(const Session& session, LiveLine& line, const Terminal& terminal,
                             const std::string& label);

}  // namespace fintag::client
