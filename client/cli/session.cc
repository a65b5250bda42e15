#include "client/cli/session.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/display_width.h"
#include "client/cli/figures.h"
#include "client/cli/progress_bar.h"
#include "client/traceparent.h"

namespace fintag::client {
namespace {

constexpr int64_t kWorthABar = 4 << 20;
constexpr absl::Duration kBetweenRetryNotes = absl::Seconds(5);

std::string CodeName(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

// Where a server is there, but not as it was spoken to: what to check. Empty for other trouble.
std::string TlsTrouble(const std::string& message) {
  if (message.find("CERTIFICATE_VERIFY_FAILED") != std::string::npos ||
      message.find("certificate verify failed") != std::string::npos) {
    return "its certificate is of no authority that is trusted here: --tls-ca FILE names one";
  }
  if (message.find("Peer name") != std::string::npos) return "its certificate is for another name";
  if (message.find("handshake failed") != std::string::npos) return "it does not speak TLS";
  for (const char* closed : {"Socket closed", "Connection reset", "Broken pipe"}) {
    if (message.find(closed) != std::string::npos) {
      return "the server closed the connection: it may want TLS (--tls, --tls-ca FILE) or a client certificate "
             "(--tls-cert, --tls-key)";
    }
  }
  return "";
}

// Why the channel could not reach the server, in a few words.
std::string ConnectionReason(const std::string& message) {
  for (const char* known : {"Connection refused", "Connection timed out", "No route to host", "Network is unreachable",
                            "No such file or directory", "Permission denied"}) {
    if (message.find(known) != std::string::npos) return known;
  }
  if (message.find("DNS") != std::string::npos || message.find("Domain name") != std::string::npos) {
    return "the host name is not known";
  }
  return Printable(message);
}

std::string ErrorHead(const absl::Status& status, const std::string& server) {
  if (IsConnectionTrouble(status)) {
    const std::string trouble = TlsTrouble(std::string(status.message()));
    if (!trouble.empty()) return absl::StrCat("cannot speak to the server at ", server, ": ", trouble);
    return absl::StrCat("cannot reach a server at ", server, " (", ConnectionReason(std::string(status.message())),
                        "): is fintagd running there? Name another address with --server HOST:PORT or FINTAG_SERVER.");
  }
  if (absl::IsDeadlineExceeded(status)) {
    return absl::StrCat("no answer from ", server, " in time: try again, or allow more with --timeout SECONDS");
  }
  const std::string message = Printable(std::string(status.message()));
  return message.empty() ? CodeName(status) : message;
}

// How many wrong fields the server knows of beyond those it lists. Its message quotes the first few, one a line, and
// ends with "and 12 more" where it leaves some out.
int64_t MoreViolations(const absl::Status& status, size_t listed) {
  const std::vector<std::string> lines = absl::StrSplit(status.message(), '\n');
  absl::string_view last = lines.back();
  int64_t unquoted = 0;
  if (!absl::ConsumePrefix(&last, "and ") || !absl::ConsumeSuffix(&last, " more") ||
      !absl::SimpleAtoi(last, &unquoted)) {
    return 0;
  }
  return static_cast<int64_t>(lines.size()) - 1 + unquoted - static_cast<int64_t>(listed);
}

}  // namespace

std::string ErrorText(const absl::Status& status, const std::string& server, const FieldWords& words) {
  const std::vector<FieldViolation> violations = FieldViolations(status);
  if (violations.empty()) return ErrorHead(status, server);
  std::string text = "the request was refused";
  for (const FieldViolation& violation : violations) {
    const std::string field = words ? words(violation.field) : violation.field;
    text += absl::StrCat("\n  ", Printable(field), ": ", Printable(violation.reason));
  }
  if (const int64_t more = MoreViolations(status, violations.size()); more > 0)
    text += absl::StrCat("\n  and ", more, " more");
  return text;
}

Json ErrorJson(const absl::Status& status, const std::string& server, const FieldWords& words) {
  Json error = {{"code", CodeName(status)}, {"message", ErrorHead(status, server)}};
  for (const FieldViolation& violation : FieldViolations(status)) {
    error["violations"].push_back(
        {{"field", words ? words(violation.field) : violation.field}, {"reason", violation.reason}});
  }
  return {{"error", std::move(error)}};
}

Session::Session(std::ostream& out, std::ostream& err) : traceparent(NewTraceparent()), out_(out), err_(err) {
  for (const char* name : {"TRACEPARENT", "FINTAG_TRACEPARENT"}) {
    if (const char* given = std::getenv(name); given != nullptr && IsTraceparent(given)) traceparent = given;
  }
}

std::string Session::FailedTrace(const absl::Status& status) const {
  return IsAnswer(status) ? TraceIdOf(traceparent) : "";
}

absl::StatusOr<Security> Session::LoadSecurity() const {
  Security loaded = security;
  if (token_file.empty()) {
    // Not an option: what stands on a command line is for every user of the machine to see.
    if (const char* token = std::getenv("FINTAG_TOKEN"); token != nullptr) loaded.token = token;
    return loaded;
  }
  std::ifstream file(token_file);
  std::ostringstream content;
  content << file.rdbuf();  // nothing of a folder, which an iterator would throw of
  if (!file) return absl::InvalidArgumentError(absl::StrCat("cannot read the token file ", token_file));
  loaded.token = std::string(absl::StripAsciiWhitespace(content.str()));
  if (loaded.token.empty()) return absl::InvalidArgumentError(absl::StrCat(token_file, " holds no token"));
  return loaded;
}

absl::StatusOr<Client> Session::Connect() const {
  Options options;
  options.server = server;
  options.traceparent = traceparent;
  absl::StatusOr<Security> loaded = LoadSecurity();
  if (!loaded.ok()) return loaded.status();
  options.security = *std::move(loaded);
  if (timeout_seconds > 0) {
    options.timeout = absl::Seconds(timeout_seconds);
    options.transfer_timeout = options.timeout;
    options.reconnect_for = options.timeout;
    options.retry_for = std::min(options.retry_for, options.timeout);
  }
  if (!json) {
    options.on_retry = [this, told = absl::InfinitePast()](const absl::Status& reason, absl::Duration) mutable {
      const absl::Time now = absl::Now();
      if (now - told < kBetweenRetryNotes) return;
      told = now;
      Note(IsConnectionTrouble(reason) ? absl::StrCat("no answer from ", server, ", trying again ...")
                                       : absl::StrCat(std::string(reason.message()), ", trying again ..."));
    };
  }
  return Client::Connect(options);
}

int Session::PrintJson(const Json& document) const { return Print(JsonText(document) + "\n"); }

int Session::Print(const std::string& text) const {
  out_ << text << std::flush;
  return kDone;
}

int Session::Fail(const absl::Status& status, const FieldWords& words) const {
  if (json) {
    Json document = ErrorJson(status, server, words);
    if (const std::string trace = FailedTrace(status); !trace.empty()) document["error"]["trace_id"] = trace;
    Print(JsonText(document, -1) + "\n");
  } else {
    out_ << std::flush;
    err_ << err().Paint(Style::kRed, "error:") << " " << ErrorText(status, server, words) << std::endl;
    if (const std::string trace = FailedTrace(status); !trace.empty()) {
      err_ << err().Paint(Style::kDim, "trace id: " + trace) << std::endl;
    }
  }
  return kFailed;
}

int Session::Misused(const std::string& message) const {
  err_ << err().Paint(Style::kRed, "error:") << " " << message << "\nRun with --help for more information."
       << std::endl;
  return kWrongUsage;
}

void Session::Note(const std::string& text) const {
  const Terminal terminal = err();
  // A progress bar may stand on this line; it is drawn again.
  err_ << (terminal.interactive() ? "\r\x1b[K" : "") << terminal.Paint(Style::kDim, Printable(text)) << std::endl;
}

TransferProgress TransferBar(const Session& session, LiveLine& line, const Terminal& terminal,
                             const std::string& label) {
  if (session.json || !terminal.interactive()) return nullptr;
  return [&line, &terminal, label, shown = absl::InfinitePast()](int64_t done, int64_t total) mutable {
    const absl::Time now = absl::Now();
    if (total < kWorthABar || now - shown < absl::Milliseconds(50)) return;
    shown = now;
    const ProgressBar bar{label,
                          static_cast<double>(done) / static_cast<double>(total),
                          {absl::StrCat(SizeText(done), " of ", SizeText(total))}};
    line.Draw(bar.Text(terminal));
  };
}

}  // namespace fintag::client
